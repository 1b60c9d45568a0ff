// SPDX-License-Identifier: MIT OR Apache-2.0
//! TOML text against a schema: tables of typed values, each with its place.

/// A text and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What reports call it.
    pub file: String,
    /// The text.
    pub text: String,
}

impl Source {
    /// A text and where it came from.
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into() }
    }
}
