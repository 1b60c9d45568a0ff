// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the configuration comes from. The only file of this module that reads any.

use std::path::Path;

use super::document::Source;
use super::model::Config;
use super::report::Report;
use crate::pipeline::{Board, LoadError};

/// The main file, unless `--config` names another. It may be absent.
pub const MAIN_FILE: &str = "/etc/shutterd/shutterd.toml";

/// What every variable begins with.
pub const VARIABLE_PREFIX: &str = "SHUTTERD_";

impl Config {
    /// Reads the main file (`path`, which must exist, or [`MAIN_FILE`], which need not), then
    /// `conf.d/*.toml` beside it in the order of their names, then the variables of `env` that
    /// begin with [`VARIABLE_PREFIX`].
    ///
    /// # Errors
    /// Every mistake in every source, board files included.
    pub fn load(
        path: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, Report> {
        let _ = (path, env);
        Err(Report::default())
    }

    /// What `text` means, with built-in boards only and no variables.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn from_text(text: &str) -> Result<Config, Report> {
        Self::from_sources(&[Source::new("shutterd.toml", text)], [], &|_, name| {
            crate::pipeline::load(&[], name)
        })
    }

    /// What `sources` and `env` mean together; `board` finds the boards that they name.
    ///
    /// # Errors
    /// Every mistake in every source.
    pub fn from_sources(
        sources: &[Source],
        env: impl IntoIterator<Item = (String, String)>,
        board: &dyn Fn(&[std::path::PathBuf], &str) -> Result<Board, LoadError>,
    ) -> Result<Config, Report> {
        let _ = (sources, env, board);
        Err(Report::default())
    }
}
