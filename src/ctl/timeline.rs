// SPDX-License-Identifier: MIT OR Apache-2.0
//! `timeline`: what ran when in a session.

use shutterd::lifecycle::steps::UNDOS;
use shutterd::lifecycle::{CameraOpens, Plan};
use shutterd::session::{Entry, SessionTimeline, StepResult, Table};

use super::client::Client;
use super::error::CtlError;
use super::output::{NOTHING, Output};
use super::service::how;

pub(super) async fn print(client: &Client, name: &str, out: &mut Output) -> Result<(), CtlError> {
    let session = client.find(name).await?;
    let timeline: SessionTimeline =
        client.get(&format!("/api/v1/sessions/{}/timeline", session.id)).await?;
    if out.is_json() {
        return out.json(&timeline);
    }
    let session = &timeline.session;
    out.line(&format!(
        "session {} on {}, asked for at {}",
        session.id, session.camera, session.asked_at
    ))?;
    out.line(&how(session))?;
    for (title, table) in [("START", Table::Start), ("END", Table::End)] {
        out.line("")?;
        let heads = ["#", title, "ASKED ms", "BEGAN ms", "ENDED ms", "TOOK ms", "RESULT", ""];
        out.table(heads, &rows(&timeline, table))?;
    }
    Ok(())
}

/// The rows of one table: what ran, in the order in which it was asked for, then what did not.
fn rows(timeline: &SessionTimeline, table: Table) -> Vec<[String; 8]> {
    let ran = timeline.entries.iter().filter(|entry| entry.table == table);
    let has_run = |name: &str| {
        timeline.entries.iter().any(|entry| entry.table == table && entry.step == name)
    };
    let all: Vec<(u8, &str)> = match table {
        Table::Start => {
            // The order's numbers, whatever order the configuration chose.
            let plan = Plan::new(timeline.session.role, CameraOpens::BeforeOffer);
            plan.order().iter().map(|step| (step.row().number, step.name())).collect()
        }
        Table::End => UNDOS.iter().map(|row| (row.number, row.name)).collect(),
    };
    let missing = all.into_iter().filter(|(_, name)| !has_run(name)).map(|(number, name)| {
        let nothing = || NOTHING.to_owned();
        let name = name.to_owned();
        [
            number.to_string(),
            name,
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            String::new(),
        ]
    });
    ran.map(row).chain(missing).collect()
}

fn row(entry: &Entry) -> [String; 8] {
    let ms = |ms: f64| format!("{ms:8.1}");
    [
        entry.number.to_string(),
        entry.step.clone(),
        ms(entry.asked_ms),
        ms(entry.began_ms),
        entry.ended_ms.map_or(NOTHING.to_owned(), ms),
        entry.ended_ms.map_or(NOTHING.to_owned(), |ended| ms(ended - entry.began_ms)),
        result(entry.result).to_owned(),
        entry.note.clone().unwrap_or_default(),
    ]
}

/// How a step went, in the word of the interfaces.
pub(super) fn result(result: StepResult) -> &'static str {
    match result {
        StepResult::InProgress => "in progress",
        StepResult::Done => "done",
        StepResult::Failed => "failed",
        StepResult::Late => "late",
        StepResult::Abandoned => "abandoned",
    }
}
