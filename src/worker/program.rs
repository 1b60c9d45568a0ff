// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the worker's program is.

use std::path::{Path, PathBuf};

/// Where packages put it.
const INSTALLED: &str = "/usr/libexec/shutterd/shutter-media";

/// The configured one; else the one beside this program; else where packages put it.
pub fn find(configured: Option<&Path>) -> PathBuf {
    let beside = || {
        let beside = std::env::current_exe().ok()?.with_file_name("shutter-media");
        beside.exists().then_some(beside)
    };
    configured.map(Path::to_owned).or_else(beside).unwrap_or_else(|| INSTALLED.into())
}
