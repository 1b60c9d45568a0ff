// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where board files come from. The only file of this module that reads any.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::{Board, PipelineReport};
use crate::config::report::Place;

/// The boards that the binary carries, so that it runs with nothing installed: name and text. A
/// file of the same name goes before.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("demo", include_str!("../../pipelines/demo.toml")),
    ("v4l2-software", include_str!("../../pipelines/v4l2-software.toml")),
];

/// Why there is no such board.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// No directory has a file of that name, and it is not built in.
    #[error("no board of that name; there are: {}", known.join(", "))]
    Unknown {
        /// The names that would have been found.
        known: Vec<String>,
    },
    /// The file cannot be read, or has mistakes.
    #[error(transparent)]
    Invalid(#[from] PipelineReport),
}

/// Reads the board `name`: `<name>.toml` of the first of `directories` that has one, else the
/// built-in one.
///
/// # Errors
/// There is none, it cannot be read, or it has mistakes. A `name` with a `/` is unknown.
pub fn load(directories: &[PathBuf], name: &str) -> Result<Board, LoadError> {
    let unknown = || LoadError::Unknown { known: names(directories) };
    if name.contains('/') {
        return Err(unknown());
    }
    for directory in directories {
        let path = directory.join(format!("{name}.toml"));
        let file = path.display().to_string();
        match fs::read_to_string(&path) {
            Ok(text) => return Ok(Board::parse(&text, &file)?),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                let mut report = PipelineReport::default();
                let place = Place::File(file.into());
                report.add(&place, "", format!("cannot be read: {error}"), "make it readable");
                return Err(report.into());
            }
        }
    }
    let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name).ok_or_else(unknown)?;
    Ok(Board::parse(text, &format!("built-in/{name}.toml"))?)
}

/// The names of all boards: those in `directories` and the built-in ones, sorted, each once. A
/// directory that cannot be read has none.
pub fn names(directories: &[PathBuf]) -> Vec<String> {
    let files = directories.iter().filter_map(|directory| fs::read_dir(directory).ok()).flatten();
    let stem = |path: PathBuf| {
        let toml = path.extension().is_some_and(|extension| extension == "toml");
        toml.then(|| path.file_stem()?.to_str().map(str::to_owned)).flatten()
    };
    let mut names: BTreeSet<String> = files.flatten().filter_map(|f| stem(f.path())).collect();
    names.extend(BUILT_IN.iter().map(|(name, _)| (*name).to_owned()));
    names.into_iter().collect()
}
