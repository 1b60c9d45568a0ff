// SPDX-License-Identifier: MIT OR Apache-2.0
//! From tables of typed values to a [`Config`]: defaults, and what contradicts what.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::cameras::{Cameras, FindBoard};
use super::document::Table;
use super::keys::SHORTEST_SESSION;
use super::model::{Config, Control, Deadlines, Http, Journal, Media, Session, WebRtc};
use super::report::{Place, Report};
use super::schema::{Value, written};
use super::{pushes, switches};
use crate::lifecycle::Undo;
use crate::lifecycle::steps::{STEPS, UNDOS};

/// What all tables say together: of two values for one key the later one holds; cameras add up.
/// `whole` is what is blamed for something that nobody wrote.
pub(super) fn config(
    tables: &[Table],
    board: FindBoard<'_>,
    whole: &Place,
    report: &mut Report,
) -> Config {
    let last = Merged { tables };
    let media = Media {
        worker: last.text("media", "worker").map(PathBuf::from),
        pipelines: last.texts("media", "pipelines").map_or_else(
            || ["/etc/shutterd/pipelines", "/usr/share/shutterd/pipelines"].map(Into::into).into(),
            |paths| paths.iter().map(PathBuf::from).collect(),
        ),
        prewarm: last.flag("media", "prewarm").unwrap_or(true),
    };
    let cameras = Cameras::new(board, &media.pipelines).all(tables, whole, report);
    Config {
        http: Http {
            listen: last.address("http", "listen").unwrap_or((Ipv4Addr::LOCALHOST, 8787).into()),
            allowed_origins: last.texts("http", "allowed-origins").unwrap_or_default().to_vec(),
        },
        control: Control {
            socket: last.text("control", "socket").unwrap_or("/run/shutterd/control.sock").into(),
        },
        journal: journal(&last),
        media,
        switches: switches::all(tables, &cameras, report),
        pushes: pushes::all(tables, &cameras, report),
        cameras,
        closes_for_sleep: last.text("sleep", "cameras") != Some("ignore"),
        session: session(&last, report),
        deadlines: deadlines(&last, report),
        webrtc: WebRtc {
            ice_servers: last.texts("webrtc", "ice-servers").unwrap_or_default().to_vec(),
        },
        sources: Vec::new(),
    }
}

struct Merged<'a> {
    tables: &'a [Table],
}

impl Merged<'_> {
    fn find(&self, section: &str, key: &str) -> Option<(&Value, &Place)> {
        let mut tables = self.tables.iter().rev().filter(|table| table.section == section);
        tables.find_map(|table| table.get(key)).map(|entry| (&entry.value, &entry.place))
    }

    fn text(&self, section: &str, key: &str) -> Option<&str> {
        match self.find(section, key)?.0 {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn texts(&self, section: &str, key: &str) -> Option<&[String]> {
        match self.find(section, key)?.0 {
            Value::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    fn flag(&self, section: &str, key: &str) -> Option<bool> {
        match self.find(section, key)?.0 {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    fn size(&self, section: &str, key: &str) -> Option<u64> {
        match self.find(section, key)?.0 {
            Value::Size(size) => Some(*size),
            _ => None,
        }
    }

    fn address(&self, section: &str, key: &str) -> Option<SocketAddr> {
        match self.find(section, key)?.0 {
            Value::Address(address) => Some(*address),
            _ => None,
        }
    }

    fn duration(&self, section: &str, key: &str) -> Option<(Duration, &Place)> {
        match self.find(section, key)? {
            (Value::Duration(duration), place) => Some((*duration, place)),
            _ => None,
        }
    }
}

fn journal(last: &Merged<'_>) -> Option<Journal> {
    if last.text("journal", "storage") == Some("volatile") {
        return None;
    }
    let directory = last.text("journal", "directory").unwrap_or("/var/lib/shutterd").into();
    let max_size = last.size("journal", "max-size").unwrap_or(8 << 20);
    Some(Journal { directory, max_size })
}

fn session(last: &Merged<'_>, report: &mut Report) -> Session {
    let max_duration = match last.duration("session", "max-duration") {
        Some((duration, place)) if !duration.is_zero() => {
            if duration < SHORTEST_SESSION {
                let wrong = format!("{} is too short to be a session", written(duration));
                report.add(
                    place,
                    "session.max-duration",
                    wrong,
                    "write 1s or more, or 0s for no limit",
                );
            }
            Some(duration)
        }
        _ => None,
    };
    Session { max_duration }
}

fn deadlines(last: &Merged<'_>, report: &mut Report) -> Deadlines {
    let mut deadlines = Deadlines::default();
    let promised = deadlines.close_bound();
    for row in STEPS {
        if let Some((deadline, _)) = last.duration("deadlines", row.name) {
            deadlines.set_step(row.step, deadline);
        }
    }
    let mut blamed = None;
    for row in UNDOS {
        if let Some((deadline, place)) = last.duration("deadlines", row.name) {
            deadlines.set_undo(row.undo, deadline);
            if row.undo <= Undo::CloseCamera && deadline > row.deadline {
                blamed = Some((row.name, place));
            }
        }
    }
    let bound = deadlines.close_bound();
    if let Some((name, place)) = blamed.filter(|_| bound > promised) {
        let wrong = format!(
            "the teardown steps to close-camera take {}, and the camera is promised to be closed within {}",
            written(bound),
            written(promised),
        );
        report.add(
            place,
            format!("deadlines.{name}"),
            wrong,
            "lower it, or another of these steps",
        );
    }
    deadlines
}
