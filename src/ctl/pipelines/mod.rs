// SPDX-License-Identifier: MIT OR Apache-2.0
//! `pipelines`: board files, read and checked here. No service is needed, and nothing is run but by
//! `check --run`.

mod report;
mod trial;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use shutterd::config::document::Source;
use shutterd::config::{self, Config, ConfigReport};
use shutterd::pipeline::{self, Board, LoadError};

use super::args::{Picture, PipelinesCommand, Show};
use super::client::Client;
use super::error::CtlError;
use super::output::{NOTHING, Output};

pub(super) fn run(
    directories: &[PathBuf],
    command: Option<PipelinesCommand>,
    client: &Client,
    out: &mut Output,
) -> Result<ExitCode, CtlError> {
    match command.unwrap_or(PipelinesCommand::List) {
        PipelinesCommand::List => list(&all(directories), out)?,
        PipelinesCommand::Show(show) => self::show(&all(directories), &show, out)?,
        PipelinesCommand::Check(check) if check.run => {
            let runtime = super::runtime()?;
            let code = runtime.block_on(trial::run(directories, &check, client, out));
            // A look at a camera whose driver hangs must not keep the process.
            runtime.shutdown_background();
            return code;
        }
        PipelinesCommand::Check(checked) => {
            return check(&all(directories), checked.boards, out);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Those named here, then those of the service's configuration: or of the default one, where it
/// cannot be read, since it may be the board files that are wrong with it.
fn all(named: &[PathBuf]) -> Vec<PathBuf> {
    let config = configuration(None).or_else(|_| Config::from_text(DEFAULT_CAMERA));
    named.iter().cloned().chain(config.map(|c| c.media.pipelines).unwrap_or_default()).collect()
}

/// What the service would read.
fn configuration(file: Option<&Path>) -> Result<Config, ConfigReport> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Config::load(file, variables)
}

const DEFAULT_CAMERA: &str = "[[camera]]\nname = \"head\"\nboard = \"demo\"\n";

fn list(directories: &[PathBuf], out: &mut Output) -> Result<(), CtlError> {
    let boards: Vec<_> = pipeline::names(directories)
        .into_iter()
        .map(|name| (pipeline::load(directories, &name), name))
        .collect();
    if out.is_json() {
        let boards: Vec<Value> = boards.iter().map(|(board, name)| entry(name, board)).collect();
        return out.json(&boards);
    }
    let rows: Vec<_> = boards
        .into_iter()
        .map(|(board, name)| match board {
            Ok(board) => {
                let device = if board.has_device() { "yes" } else { "no" };
                [name, codecs(&board), device.to_owned(), board.title().to_owned()]
            }
            Err(_) => {
                let nothing = || NOTHING.to_owned();
                [name, nothing(), nothing(), "has mistakes; see `pipelines check`".to_owned()]
            }
        })
        .collect();
    out.table(["BOARD", "CODECS", "DEVICE", ""], &rows)
}

fn entry(name: &str, board: &Result<Board, LoadError>) -> Value {
    match board {
        Ok(board) => json!({
            "board": name,
            "title": board.title(),
            "codecs": board.codecs(),
            "device": board.has_device(),
            "needs": board.needs(),
        }),
        Err(error) => json!({ "board": name, "mistakes": error.to_string() }),
    }
}

fn codecs(board: &Board) -> String {
    board.codecs().iter().map(|codec| codec.name()).collect::<Vec<_>>().join(", ")
}

fn show(directories: &[PathBuf], show: &Show, out: &mut Output) -> Result<(), CtlError> {
    let board = pipeline::load(directories, &show.board).map_err(|e| unusable(&show.board, e))?;
    let codec = match (show.codec, board.codecs().first()) {
        (Some(codec), _) => codec.into(),
        (None, Some(&codec)) => codec,
        (None, None) => return Err(CtlError::Failed(format!("{}: no pipeline", show.board))),
    };
    let values = camera(&board, &show.picture)?.values();
    let line = board.gst_launch_line(codec, &values)?;
    if out.is_json() {
        let launch = board.launch(codec, &values)?;
        let elements = board.elements(codec);
        return out.json(&json!({
            "board": board.name(), "codec": codec, "launch": launch, "gst_launch": line,
            "elements": elements,
        }));
    }
    out.line(&line)
}

fn unusable(board: &str, error: LoadError) -> CtlError {
    match error {
        LoadError::Unknown { .. } => CtlError::Usage(format!("{board}: {error}")),
        LoadError::Invalid(report) => CtlError::Failed(report.to_string()),
    }
}

/// A camera with that board, as the configuration would make it: with its bounds and its choice of
/// the bitrate.
fn camera(board: &Board, picture: &Picture) -> Result<config::Camera, CtlError> {
    let mut text = format!(
        "[[camera]]\nname = \"head\"\nboard = \"shown\"\nwidth = {}\nheight = {}\nframerate = {}\n",
        picture.width, picture.height, picture.framerate
    );
    if let Some(bitrate) = picture.bitrate {
        text.push_str(&format!("bitrate = {bitrate}\n"));
    }
    if board.has_device() {
        // A JSON string is a basic string of TOML.
        let device = serde_json::to_string(&picture.device)
            .map_err(|_| CtlError::Usage("the device's path is not UTF-8".to_owned()))?;
        text.push_str(&format!("device = {device}\n"));
    }
    let source = Source::new("command line", text);
    let config = Config::from_sources(&[source], [], &|_, _| Ok(board.clone()))
        .map_err(|report| CtlError::Usage(report.to_string()))?;
    let camera = config.cameras.into_iter().next();
    camera.ok_or_else(|| CtlError::Failed("no camera was made of the values".to_owned()))
}

/// Checks boards by name or file; every mistake of every one is said.
fn check(
    directories: &[PathBuf],
    mut boards: Vec<String>,
    out: &mut Output,
) -> Result<ExitCode, CtlError> {
    if boards.is_empty() {
        boards = pipeline::names(directories);
    }
    let checked: Vec<_> = boards.iter().map(|name| (name, read(directories, name))).collect();
    let right = checked.iter().all(|(_, board)| board.is_ok());
    if out.is_json() {
        let boards: Vec<Value> = checked.iter().map(|(name, board)| entry(name, board)).collect();
        out.json(&boards)?;
    } else {
        for (name, board) in &checked {
            match board {
                Ok(board) => out.line(&format!("{name}: ok ({})", codecs(board)))?,
                Err(LoadError::Invalid(report)) => out.line(&report.to_string())?,
                Err(error) => out.line(&format!("{name}: {error}"))?,
            }
        }
    }
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A board's name, or a file: what ends in `.toml`.
fn read(directories: &[PathBuf], name: &str) -> Result<Board, LoadError> {
    let path = Path::new(name);
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    match (path.parent(), stem) {
        // One that is not there must not be taken for the built-in one of its name.
        (Some(directory), Some(stem)) if name.ends_with(".toml") && path.is_file() => {
            let directory =
                if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
            pipeline::load(&[directory.to_owned()], stem)
        }
        _ => pipeline::load(directories, name),
    }
}
