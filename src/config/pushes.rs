// SPDX-License-Identifier: MIT OR Apache-2.0
//! `[[push]]`: the servers to which a camera is sent for as long as the service runs.

use std::path::PathBuf;

use super::document::Table;
use super::model::Camera;
use super::report::Report;
use super::schema::Value;

/// A camera that is sent to a WHIP server.
#[derive(Clone, PartialEq, Eq)]
pub struct Push {
    /// Which camera.
    pub camera: String,
    /// The server's WHIP endpoint, `https://…` or `http://…`.
    pub whip: String,
    /// The file with the bearer token that the server wants, if any.
    pub token_file: Option<PathBuf>,
    /// The bearer token itself, where whoever asked gave it.
    pub token: Option<String>,
}

/// A token is nobody's to read in a log.
impl std::fmt::Debug for Push {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Push")
            .field("camera", &self.camera)
            .field("whip", &self.whip)
            .field("token_file", &self.token_file)
            .finish_non_exhaustive()
    }
}

/// Every push.
pub(super) fn all(tables: &[Table], cameras: &[Camera], report: &mut Report) -> Vec<Push> {
    let tables = tables.iter().filter(|table| table.section == "push");
    tables.filter_map(|table| push(table, cameras, report)).collect()
}

/// `None` only when something was reported.
fn push(table: &Table, cameras: &[Camera], report: &mut Report) -> Option<Push> {
    let text = |key: &str| match &table.get(key)?.value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    };
    for (key, instead) in [
        ("camera", "write the name of the camera that is pushed"),
        ("whip", "write the address of the server's WHIP endpoint"),
    ] {
        if !table.has(key) {
            report.add(&table.place, format!("push.{key}"), "is missing", instead);
        }
    }
    let (camera, whip) = (text("camera")?, text("whip")?);
    if !cameras.iter().any(|known| known.name == camera) {
        let place = &table.get("camera")?.place;
        let wrong = format!("no camera is named `{camera}`");
        report.add(place, "push.camera", wrong, "write the name of a camera of this configuration");
        return None;
    }
    Some(Push {
        camera: camera.to_owned(),
        whip: whip.to_owned(),
        token_file: text("token-file").map(PathBuf::from),
        token: None,
    })
}

/// As the plan has it: `head to https://…`.
impl std::fmt::Display for Push {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to {}", self.camera, self.whip)
    }
}
