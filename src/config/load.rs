// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the configuration comes from. The only file of this module that reads any.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::cameras::FindBoard;
use super::document::{Source, read};
use super::keys::schema;
use super::meaning;
use super::model::Config;
use super::report::{Place, Report};
use super::variables;
use crate::pipeline;

/// The main file, unless `--config` names another. It may be absent.
pub const MAIN_FILE: &str = "/etc/shutterd/shutterd.toml";

impl Config {
    /// Reads the main file (`path`, which must exist, or [`MAIN_FILE`], which need not), then
    /// `conf.d/*.toml` beside it in the order of their names, then the variables of `env` that
    /// begin with [`VARIABLE_PREFIX`](super::VARIABLE_PREFIX). Without any file there is one
    /// camera, `head`, with the board `demo`.
    ///
    /// # Errors
    /// Every mistake in every source, board files included.
    pub fn load(
        path: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, Report> {
        let mut report = Report::default();
        let main = path.unwrap_or(Path::new(MAIN_FILE));
        let mut sources = Vec::new();
        match fs::read_to_string(main) {
            Ok(text) => sources.push(Source::new(main.display().to_string(), text)),
            Err(error) if path.is_none() && error.kind() == ErrorKind::NotFound => {}
            Err(error) => unreadable(main, &error, &mut report),
        }
        let beside = main.parent().unwrap_or(Path::new("")).join("conf.d");
        for file in files_in(&beside, &mut report) {
            match fs::read_to_string(&file) {
                Ok(text) => sources.push(Source::new(file.display().to_string(), text)),
                Err(error) => unreadable(&file, &error, &mut report),
            }
        }
        match Self::from_sources(&sources, env, &|dirs, name| pipeline::load(dirs, name)) {
            Ok(config) => report.or(config),
            // A main file that cannot be read is not one without cameras.
            Err(_) if sources.is_empty() && !report.is_empty() => Err(report),
            Err(more) => {
                report.mistakes.extend(more.mistakes);
                Err(report)
            }
        }
    }

    /// What `text` means, with built-in boards only and no variables.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn from_text(text: &str) -> Result<Config, Report> {
        Self::from_sources(&[Source::new("shutterd.toml", text)], [], &|_, name| {
            pipeline::load(&[], name)
        })
    }

    /// What `sources` and `env` mean together; `board` finds the boards that they name.
    ///
    /// # Errors
    /// Every mistake in every source.
    pub fn from_sources(
        sources: &[Source],
        env: impl IntoIterator<Item = (String, String)>,
        board: FindBoard<'_>,
    ) -> Result<Config, Report> {
        let schema = schema();
        let mut report = Report::default();
        let mut tables = Vec::new();
        for source in sources {
            tables.extend(read(source, &schema, &mut report));
        }
        let variables = variables::read(env, &schema, &mut report);
        let whole = match sources.first() {
            Some(source) => Place::File(source.file.as_str().into()),
            None => Place::BuiltIn,
        };
        let mut names: Vec<String> = sources.iter().map(|source| source.file.clone()).collect();
        names.extend(variables.names);
        tables.extend(variables.tables);
        let config = meaning::config(&tables, board, &whole, &mut report);
        report.or(Config { sources: names, ..config })
    }
}

fn unreadable(file: &Path, error: &std::io::Error, report: &mut Report) {
    let place = Place::File(file.display().to_string().into());
    let wrong = format!("cannot be read: {error}");
    report.add(&place, "", wrong, "make it readable, or name another file");
}

/// The `*.toml` of a directory in the order of their names; none when there is no directory.
fn files_in(directory: &Path, report: &mut Report) -> Vec<PathBuf> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            unreadable(directory, &error, report);
            return Vec::new();
        }
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}
