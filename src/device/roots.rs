// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the kernel tells of processes and devices, and how one of its attributes is read.

use std::fs;
use std::path::{Path, PathBuf};

/// `/proc` and `/sys`, or a test's own trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Of processes.
    pub proc: PathBuf,
    /// Of devices.
    pub sys: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into() }
    }
}

/// An attribute's text without its newline; `None` when there is none that can be read.
pub(super) fn attribute(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim_end().to_owned())
}

/// The entries of a directory; none when it cannot be read.
pub(super) fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// The last part of a path, as text.
pub(super) fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
