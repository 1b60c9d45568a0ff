// SPDX-License-Identifier: MIT OR Apache-2.0
//! The effective plan, as `shutterd --check` prints it.

use super::model::Config;

impl Config {
    /// What the service will do, with every default filled in and passwords left out.
    pub fn plan_text(&self) -> String {
        String::new()
    }
}
