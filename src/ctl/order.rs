// SPDX-License-Identifier: MIT OR Apache-2.0
//! `order`: both tables, from where they are written.

use std::time::Duration;

use serde_json::{Value, json};
use shutterd::lifecycle::steps::{STEPS, StepRow, UNDOS, UndoRow};
use shutterd::lifecycle::{CameraOpens, Plan, Role, Undo};

use super::error::CtlError;
use super::output::Output;

pub(super) fn print(out: &mut Output) -> Result<(), CtlError> {
    if out.is_json() {
        let start: Vec<Value> = STEPS.iter().map(step).collect();
        let end: Vec<Value> = UNDOS.iter().map(undo).collect();
        return out.json(&json!({ "start": start, "end": end }));
    }
    // The steps that depend on who offers stand below one another, under the same number.
    let mut rows: Vec<&StepRow> = STEPS.iter().collect();
    rows.sort_by_key(|row| row.number);
    let rows: Vec<_> = rows
        .into_iter()
        .map(|row| {
            [
                row.number.to_string(),
                row.name.to_owned(),
                row.mlwebrtc.to_owned(),
                row.does.to_owned(),
                place(row),
                seconds(row.deadline),
                match role(row) {
                    Some(Role::Offerer) => "device",
                    Some(Role::Answerer) => "viewer",
                    None => "",
                }
                .to_owned(),
                names(row.owes),
            ]
        })
        .collect();
    out.table(["#", "START", "MLWEBRTC", "DOES", "WHERE", "DEADLINE", "OFFERS", "OWES"], &rows)?;
    out.line("")?;
    let rows: Vec<_> = UNDOS
        .iter()
        .map(|row| {
            [
                row.number.to_string(),
                row.name.to_owned(),
                row.mlwebrtc.to_owned(),
                row.does.to_owned(),
                format!("{:?}", row.worker).to_lowercase(),
                seconds(row.deadline),
            ]
        })
        .collect();
    out.table(["#", "END", "MLWEBRTC", "DOES", "WHERE", "DEADLINE"], &rows)
}

fn step(row: &StepRow) -> Value {
    json!({
        "number": row.number,
        "step": row.name,
        "mlwebrtc": row.mlwebrtc,
        "does": row.does,
        "place": row.place,
        "role": role(row),
        "deadline_ms": row.deadline.as_millis() as u64,
        "owes": row.owes,
        "after": row.after,
    })
}

fn undo(row: &UndoRow) -> Value {
    json!({
        "number": row.number,
        "step": row.name,
        "mlwebrtc": row.mlwebrtc,
        "does": row.does,
        "worker": row.worker,
        "deadline_ms": row.deadline.as_millis() as u64,
    })
}

/// Who has to offer for the step to be one of the twelve; `None`: whoever does.
fn role(row: &StepRow) -> Option<Role> {
    let has = |role| Plan::new(role, CameraOpens::default()).order().contains(&row.step);
    match (has(Role::Offerer), has(Role::Answerer)) {
        (true, false) => Some(Role::Offerer),
        (false, true) => Some(Role::Answerer),
        _ => None,
    }
}

fn place(row: &StepRow) -> String {
    use shutterd::lifecycle::Place::*;
    match row.place {
        Camera => "camera",
        Peer => "peer",
        CameraAndPeer => "camera, peer",
        Signalling => "signalling",
    }
    .to_owned()
}

fn names(undos: &[Undo]) -> String {
    undos.iter().map(|undo| undo.name()).collect::<Vec<_>>().join(", ")
}

fn seconds(deadline: Duration) -> String {
    humantime::format_duration(deadline).to_string()
}
