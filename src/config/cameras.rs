// SPDX-License-Identifier: MIT OR Apache-2.0
//! `[[camera]]`: each camera with its board, and what contradicts what.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::document::Table;
use super::model::{Camera, Led};
use super::report::{Place, Report};
use super::schema::Value;
use crate::lifecycle::CameraOpens;
use crate::pipeline::{Board, LoadError};
use crate::wire::Codec;

/// Finds a board of that name in these directories.
pub type FindBoard<'a> = &'a dyn Fn(&[PathBuf], &str) -> Result<Board, LoadError>;

/// The cameras, and their boards as they are found.
pub(super) struct Cameras<'a> {
    board: FindBoard<'a>,
    directories: &'a [PathBuf],
    /// Each board is read once, and its mistakes are reported once.
    boards: HashMap<String, Option<Board>>,
}

impl<'a> Cameras<'a> {
    pub(super) fn new(board: FindBoard<'a>, directories: &'a [PathBuf]) -> Self {
        Self { board, directories, boards: HashMap::new() }
    }

    /// Every camera; `whole` is what is blamed when there is none.
    pub(super) fn all(
        &mut self,
        tables: &[Table],
        whole: &Place,
        report: &mut Report,
    ) -> Vec<Camera> {
        let tables: Vec<&Table> = tables.iter().filter(|table| table.section == "camera").collect();
        if tables.is_empty() && *whole == Place::BuiltIn {
            return self.built_in(report).into_iter().collect();
        }
        if tables.is_empty() {
            report.add(whole, "camera", "no camera is configured", "write a `[[camera]]` section");
        }
        for key in ["name", "device", "led"] {
            duplicates(&tables, key, report);
        }
        tables.into_iter().filter_map(|table| self.camera(table, report)).collect()
    }

    /// What there is when nobody wrote anything.
    fn built_in(&mut self, report: &mut Report) -> Option<Camera> {
        let mut table = Table::new("camera", Place::BuiltIn);
        table.insert("name", Value::Text("head".to_owned()), Place::BuiltIn);
        table.insert("board", Value::Text("demo".to_owned()), Place::BuiltIn);
        self.camera(&table, report)
    }

    /// `None` only when something was reported.
    fn camera(&mut self, table: &Table, report: &mut Report) -> Option<Camera> {
        let text = |key: &str| match &table.get(key)?.value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        };
        let number = |key: &str, default| match table.get(key).map(|entry| &entry.value) {
            Some(Value::Number(number)) => *number,
            _ => default,
        };
        for (key, instead) in [
            ("name", "write the camera's name, as in `name = \"head\"`"),
            ("board", "write the board file's name, as in `board = \"v4l2-software\"`"),
        ] {
            if !table.has(key) {
                report.add(&table.place, format!("camera.{key}"), "is missing", instead);
            }
        }
        let (width, height) = (number("width", 1280), number("height", 720));
        for (key, pixels) in [("width", width), ("height", height)] {
            if pixels % 2 != 0 {
                let wrong = format!("{pixels} is odd, and colour has half the pixels");
                let instead = format!("write {} or {}", pixels - 1, pixels + 1);
                report.add(table.place_of(key), format!("camera.{key}"), wrong, instead);
            }
        }
        let framerate = number("framerate", 30);
        let device = text("device").map(PathBuf::from);
        let led = match text("led") {
            None | Some("auto") => Led::Auto,
            Some("none") => Led::None,
            Some(name) => Led::Named(name.to_owned()),
        };
        let board = text("board").and_then(|name| self.find(name, table, report));
        recover_is_a_program(table, report);
        let camera_opens = match text("camera-opens") {
            Some("before-offer") => CameraOpens::BeforeOffer,
            Some("beside-negotiation") => CameraOpens::BesideNegotiation,
            Some("after-connected") => CameraOpens::AfterConnected,
            // A board that promises nothing is described only once it runs.
            _ if board.as_ref().is_some_and(|board| !promises(board)) => CameraOpens::BeforeOffer,
            _ => CameraOpens::default(),
        };
        let codecs = board.as_ref().map(|board| codecs(board, table, report)).unwrap_or_default();
        if let Some(board) = &board {
            board_fits(board, table, &led, camera_opens, report);
        }
        Some(Camera {
            name: text("name")?.to_owned(),
            device,
            led,
            board: board?,
            codecs,
            width,
            height,
            framerate,
            bitrate: number("bitrate", default_bitrate(width, height, framerate)),
            max_viewers: number("max-viewers", 8),
            camera_opens,
            reopen_within: match table.get("reopen-within").map(|entry| &entry.value) {
                Some(Value::Duration(duration)) => *duration,
                _ => Duration::from_secs(30),
            },
            recover: match table.get("recover").map(|entry| &entry.value) {
                Some(Value::Texts(command)) => command.clone(),
                _ => Vec::new(),
            },
        })
    }

    fn find(&mut self, name: &str, table: &Table, report: &mut Report) -> Option<Board> {
        if let Some(found) = self.boards.get(name) {
            return found.clone();
        }
        let found = match (self.board)(self.directories, name) {
            Ok(board) => Some(board),
            Err(LoadError::Unknown { known }) => {
                let wrong = format!("there is no board file `{name}.toml`");
                let instead = format!("write one of {}", known.join(", "));
                report.add(table.place_of("board"), "camera.board", wrong, instead);
                None
            }
            Err(LoadError::Invalid(mistakes)) => {
                report.mistakes.extend(mistakes.mistakes);
                None
            }
        };
        self.boards.insert(name.to_owned(), found.clone());
        found
    }
}

fn board_fits(
    board: &Board,
    table: &Table,
    led: &Led,
    camera_opens: CameraOpens,
    report: &mut Report,
) {
    let name = board.name();
    if matches!(led, Led::Named(_)) && !board.has_device() {
        let wrong = format!("board `{name}` opens no node, so that no LED follows it");
        report.add(table.place_of("led"), "camera.led", wrong, "leave it out");
    }
    match (board.has_device(), table.has("device")) {
        (true, false) => {
            let wrong = format!("is missing, and board `{name}` opens a node");
            report.add(
                &table.place,
                "camera.device",
                wrong,
                "write it, as in `device = \"/dev/video0\"`",
            );
        }
        (false, true) => {
            let wrong = format!("board `{name}` opens no node");
            let instead = "leave it out, or choose a board with a node, as `v4l2-software`";
            report.add(table.place_of("device"), "camera.device", wrong, instead);
        }
        _ => {}
    }
    if camera_opens.needs_promise() && !promises(board) {
        let wrong = format!(
            "the description is then written without waiting for the camera, and board `{name}` does not say what its H.264 will be"
        );
        let instead = "write `promise = { profile-level-id = \"42e01f\" }` into the board file";
        report.add(table.place_of("camera-opens"), "camera.camera-opens", wrong, instead);
    }
}

/// What is written, if the board has it; else all that the board has.
fn codecs(board: &Board, table: &Table, report: &mut Report) -> Vec<Codec> {
    let all = board.codecs();
    let Some(Value::Texts(written)) = table.get("codecs").map(|entry| &entry.value) else {
        return all;
    };
    let written: Vec<Codec> = written.iter().filter_map(|name| Codec::named(name)).collect();
    let names = all.iter().map(|codec| codec.name()).collect::<Vec<_>>().join(", ");
    let strange = written.iter().find(|codec| !all.contains(codec));
    let twice = written.iter().enumerate().find(|(at, codec)| written[..*at].contains(codec));
    let wrong = match (strange, twice) {
        (Some(codec), _) => format!("board `{}` has no pipeline for {codec}", board.name()),
        (None, Some((_, codec))) => format!("has {codec} twice"),
        (None, None) if written.is_empty() => "is empty".to_owned(),
        (None, None) => return written,
    };
    let instead = format!("write some of {names}, each once, or leave it out");
    report.add(table.place_of("codecs"), "camera.codecs", wrong, instead);
    all
}

/// Whether a description can be written without waiting for the camera.
fn promises(board: &Board) -> bool {
    let profile = |codec| board.promise(codec).is_some_and(|p| p.profile_level_id.is_some());
    !board.codecs().contains(&Codec::H264) || profile(Codec::H264)
}

/// Its first word is looked up by nobody: a service has no useful `PATH`.
fn recover_is_a_program(table: &Table, report: &mut Report) {
    let Some(Value::Texts(command)) = table.get("recover").map(|entry| &entry.value) else {
        return;
    };
    if let Some(program) = command.first().filter(|program| !program.starts_with('/')) {
        let wrong = format!("`{program}` is not an absolute path");
        let instead = "write the command's absolute path, then its arguments";
        report.add(table.place_of("recover"), "camera.recover", wrong, instead);
    }
}

/// Reports every section of its kind whose `key` an earlier one has.
pub(super) fn duplicates(tables: &[&Table], key: &str, report: &mut Report) {
    let mut seen: HashMap<&str, &Place> = HashMap::new();
    for table in tables {
        let Some(entry) = table.get(key) else { continue };
        let Value::Text(text) = &entry.value else { continue };
        if key == "led" && ["auto", "none"].contains(&text.as_str()) {
            continue;
        }
        match seen.get(text.as_str()) {
            Some(first) => {
                let section = table.section;
                let wrong = format!("`{text}` is taken by the {section} of {first}");
                let instead = format!("every {section} has its own");
                report.add(&entry.place, format!("{section}.{key}"), wrong, instead);
            }
            None => {
                seen.insert(text, &entry.place);
            }
        }
    }
}

/// Bits per second by size: 0.07 bit per pixel, which constrained baseline needs for a picture
/// with motion, in steps of 100 000 from 300 000 to 20 000 000.
fn default_bitrate(width: u32, height: u32, framerate: u32) -> u32 {
    let pixels = u64::from(width) * u64::from(height) * u64::from(framerate);
    let bitrate = (pixels * 7 / 100).div_ceil(100_000) * 100_000;
    u32::try_from(bitrate.clamp(300_000, 20_000_000)).unwrap_or(20_000_000)
}
