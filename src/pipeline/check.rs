// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the text of a board file to a [`Board`], or to every mistake in it.

use std::collections::BTreeSet;

use super::board::{Board, Video};
use super::fill::{DEVICE, PLACEHOLDERS, Piece, pieces};
use super::tokens::{Placed, Token, tokens};
use crate::config::document::{Entry, Source, Table, read};
use crate::config::report::{Place, Report};
use crate::config::schema::{Key, Kind, Schema, Section, Value, nearest};
use crate::wire::{Codec, Promise};

/// The two elements that the worker looks for by name.
const NAMED: [&str; 2] = ["camera", "encoder"];

const PROFILE: &str = "profile-level-id";
const LEVEL: &str = "level-id";

#[rustfmt::skip]
fn schema() -> Schema {
    let section = |path, keys: &[Key]| Section { path, repeated: false, keys: keys.to_vec() };
    let launch = Key { name: "launch", kind: Kind::Text(not_blank), example: "\"\"\"v4l2src name=camera device=${device} ! …\"\"\"",
        doc: "write gst-launch text" };
    Schema { sections: vec![
        section("", &[
            Key { name: "board", kind: Kind::Text(not_blank), example: "\"Raspberry Pi CM4\"",
                doc: "write what board it is, for a person" },
            Key { name: "device", kind: Kind::Flag, example: "true",
                doc: "write whether the camera is a node" },
            Key { name: "needs", kind: Kind::Texts(factory), example: "[\"v4l2src\", \"v4l2h264enc\"]",
                doc: "write every element factory that the pipelines use" },
        ]),
        section("video.h264", &[launch]),
        section("video.h264.promise", &[
            Key { name: PROFILE, kind: Kind::Text(profile_level_id), example: "\"42e01f\"",
                doc: "write profile and level of the stream, six hex digits in lower case" },
        ]),
        section("video.h265", &[launch]),
        section("video.h265.promise", &[
            Key { name: LEVEL, kind: Kind::Number(30, 186), example: "93",
                doc: "write the level of the stream, times thirty: 93 for 3.1" },
        ]),
        section("video.vp8", &[launch]),
    ]}
}

fn not_blank(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err("is empty".to_owned()) } else { Ok(()) }
}

fn factory(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.chars().all(allowed) {
        return Ok(());
    }
    Err(format!("`{text}` is not the name of an element factory"))
}

fn profile_level_id(text: &str) -> Result<(), String> {
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if text.len() == 6 && text.chars().all(hex) {
        return Ok(());
    }
    Err(format!("`{text}` is not six hex digits in lower case"))
}

pub(super) fn board(text: &str, file: &str) -> Result<Board, Report> {
    let mut report = Report::default();
    let tables = read(&Source::new(file, text), &schema(), &mut report);
    let table = |path: &str| tables.iter().find(|table| table.section == path);
    let whole = Place::File(file.into());

    let top = |key: &str| table("").and_then(|top| top.get(key));
    let written = |key: &str| table("").is_some_and(|top| top.has(key));
    if !written("board") {
        report.add(&whole, "board", "is missing", "write what board it is, for a person");
    }
    let title = match top("board").map(|entry| &entry.value) {
        Some(Value::Text(title)) => title.clone(),
        _ => String::new(),
    };
    let has_device = !matches!(top("device").map(|e| &e.value), Some(Value::Flag(false)));
    let needs = match top("needs").map(|entry| &entry.value) {
        Some(Value::Texts(needs)) => needs.clone(),
        _ => Vec::new(),
    };

    let mut videos = Vec::new();
    let mut used = BTreeSet::new();
    for codec in Codec::ALL {
        let path = format!("video.{codec}");
        let key = format!("{path}.launch");
        let Some(video) = table(&path) else {
            if let Some(promise) = table(&format!("{path}.promise")) {
                report.add(&promise.place, key, "is missing", "write gst-launch text");
            }
            continue;
        };
        let Some(entry) = video.get("launch") else {
            if !video.has("launch") {
                report.add(&video.place, key, "is missing", "write gst-launch text");
            }
            continue;
        };
        let Value::Text(launch) = &entry.value else { continue };
        Launch { key, entry, has_device, report: &mut report }.check(launch, &mut used);
        let promise = table(&format!("{path}.promise")).map(promise);
        videos.push(Video { codec, launch: launch.clone(), promise });
    }
    if !tables.iter().any(|table| table.section.starts_with("video.")) {
        let instead = "write `[video.h264]` with a `launch` text";
        report.add(&whole, "video", "has no pipeline", instead);
    }

    let missing: Vec<&str> =
        used.iter().filter(|used| !needs.contains(used)).map(String::as_str).collect();
    if !missing.is_empty() && (!written("needs") || top("needs").is_some()) {
        let place = top("needs").map_or(&whole, |entry| &entry.place);
        let missing = missing.join("\", \"");
        let instead = format!("add \"{missing}\"");
        report.add(place, "needs", "does not name every element of the pipelines", instead);
    }

    let file_name = file.rsplit('/').next().unwrap_or(file);
    let name = file_name.strip_suffix(".toml").unwrap_or(file_name).to_owned();
    report.or(Board { name, title, has_device, needs, videos })
}

fn promise(table: &Table) -> Promise {
    let profile_level_id = match table.get(PROFILE).map(|entry| &entry.value) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let level_id = match table.get(LEVEL).map(|entry| &entry.value) {
        Some(Value::Number(level)) => u8::try_from(*level).ok(),
        _ => None,
    };
    Promise { profile_level_id, level_id }
}

/// The checks of one text.
struct Launch<'a> {
    key: String,
    entry: &'a Entry,
    has_device: bool,
    report: &'a mut Report,
}

impl Launch<'_> {
    fn mistake(&mut self, line: usize, wrong: impl Into<String>, instead: impl Into<String>) {
        let place = match &self.entry.place {
            Place::Line(file, _) => Place::Line(file.clone(), self.entry.text_line + line),
            other => other.clone(),
        };
        self.report.add(&place, self.key.clone(), wrong, instead);
    }

    fn check(&mut self, launch: &str, used: &mut BTreeSet<String>) {
        self.placeholders(launch);
        match tokens(launch) {
            Ok(tokens) => {
                self.names(&tokens);
                self.device(&tokens);
                self.elements(&tokens, used);
            }
            Err(unreadable) => {
                self.mistake(unreadable.line, unreadable.wrong, "write gst-launch text");
            }
        }
    }

    fn placeholders(&mut self, launch: &str) {
        let mut line = 0;
        for piece in pieces(launch) {
            match piece {
                Piece::Text(text) => {
                    if text.contains("${") {
                        self.mistake(line, "`${` is not closed", "write `${name}`");
                    }
                    line += text.matches('\n').count();
                }
                Piece::Placeholder(name) if !PLACEHOLDERS.contains(&name) => {
                    let instead = match nearest(name, PLACEHOLDERS.iter().copied()) {
                        Some(near) => format!("the nearest known one is `${{{near}}}`"),
                        None => format!("known: {}", PLACEHOLDERS.join(", ")),
                    };
                    self.mistake(line, format!("unknown placeholder `${{{name}}}`"), instead);
                }
                Piece::Placeholder(_) => {}
            }
        }
    }

    /// `camera` and `encoder` each name one element.
    fn names(&mut self, tokens: &[Placed]) {
        for wanted in NAMED {
            let lines: Vec<usize> = tokens
                .iter()
                .filter(|p| matches!(&p.token, Token::Property(n, v) if n == "name" && v.trim_matches('"') == wanted))
                .map(|placed| placed.line)
                .collect();
            match lines.as_slice() {
                [_] => {}
                [] => {
                    let instead = format!("write `name={wanted}` after the element that is it");
                    self.mistake(0, format!("no element is named `{wanted}`"), instead);
                }
                [_, second, ..] => {
                    let wrong = format!("several elements are named `{wanted}`");
                    self.mistake(*second, wrong, "name only one so");
                }
            }
        }
    }

    /// The device is a path, so that it stands as a whole value, outside quotes, where what it
    /// contains can be escaped; and it stands there exactly when the board has one.
    fn device(&mut self, tokens: &[Placed]) {
        let placeholder = format!("${{{DEVICE}}}");
        let mut found = false;
        for placed in tokens {
            let (whole, somewhere) = match &placed.token {
                Token::Property(_, value) => (*value == placeholder, value.contains(&placeholder)),
                Token::Caps(text) | Token::Element(text) | Token::Reference(text) => {
                    (false, text.contains(&placeholder))
                }
                Token::Link | Token::Open | Token::Close => (false, false),
            };
            found |= somewhere;
            if somewhere && !whole {
                let wrong = format!("`{placeholder}` is not the whole value of a property");
                self.mistake(placed.line, wrong, format!("write `device={placeholder}`"));
            }
        }
        if found && !self.has_device {
            let wrong = format!("uses `{placeholder}`, and `device = false`");
            self.mistake(0, wrong, "correct the one or the other");
        }
        if !found && self.has_device {
            let wrong = format!("does not use `{placeholder}`");
            self.mistake(
                0,
                wrong,
                format!(
                    "write `device={placeholder}`, or `device = false` for a board without a node"
                ),
            );
        }
    }

    fn elements(&mut self, tokens: &[Placed], used: &mut BTreeSet<String>) {
        for placed in tokens {
            let Token::Element(factory) = &placed.token else { continue };
            if factory.contains("${") {
                let wrong = format!("`{factory}` is a placeholder where an element should be");
                self.mistake(placed.line, wrong, "write the element");
            } else if factory.contains("sink") {
                let wrong = format!("has a sink of its own, `{factory}`");
                self.mistake(
                    placed.line,
                    wrong,
                    "end in the encoded stream: the service adds what takes it",
                );
            } else {
                used.insert(factory.clone());
            }
        }
    }
}
