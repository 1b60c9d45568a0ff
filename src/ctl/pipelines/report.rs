// SPDX-License-Identifier: MIT OR Apache-2.0
//! What came of trying a pipeline: its steps, and what to do where one did not go as it should.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use shutterd::config::{self, Config};
use shutterd::device::Observation;
use shutterd::lifecycle::outcome::UncleanWhy;
use shutterd::lifecycle::steps::{KILL_DEADLINE, UNDOS};
use shutterd::lifecycle::{CameraOpens, Cause, Fault, Outcome, Plan, Role, StopReason};
use shutterd::session::{CameraStatus, Entry, SessionTimeline, Table};
use shutterd::wire::Codec;

use crate::ctl::error::CtlError;
use crate::ctl::output::{NOTHING, Output};
use crate::ctl::timeline::result;

/// What to do about a step that has no fault to say.
const LATE: &str = "see the kernel log: its driver may hang; where the board only is slow, give the step longer in \
    [deadlines]";

/// The steps from here on need somebody who answers.
const LAST_ALONE: u8 = 7;

/// One pipeline that was tried.
pub(super) struct Trial {
    camera: String,
    board: String,
    device: Option<String>,
    codec: Codec,
    entries: Vec<Entry>,
    outcome: Option<Outcome>,
    observed: Option<Observation>,
    troubles: Vec<Trouble>,
}

/// Something that did not go as it should.
struct Trouble {
    /// The fault's code, or `late`, or what else ended the session.
    code: String,
    says: String,
    remedy: String,
}

/// A row of the tables, run or not.
struct Row<'a> {
    table: Table,
    number: u8,
    step: &'a str,
    deadline: Duration,
    entry: Option<&'a Entry>,
}

impl Trial {
    /// One that never began.
    pub(super) fn refused(camera: &config::Camera, codec: Codec, fault: Fault) -> Self {
        let troubles = vec![Trouble::of(None, &fault)];
        Self { troubles, ..Self::begun(camera, codec) }
    }

    /// One that has ended.
    pub(super) fn new(
        camera: &config::Camera,
        codec: Codec,
        timeline: SessionTimeline,
        status: Option<CameraStatus>,
    ) -> Self {
        let SessionTimeline { session, entries } = timeline;
        let (fault, observed) = status.map_or((None, None), |it| (it.fault, it.observed));
        let mut troubles = session.outcome.as_ref().map(troubles).unwrap_or_default();
        troubles.extend(fault.iter().map(|fault| Trouble::of(None, fault)));
        let outcome = session.outcome;
        Self { entries, outcome, observed, troubles, ..Self::begun(camera, codec) }
    }

    fn begun(camera: &config::Camera, codec: Codec) -> Self {
        Self {
            camera: camera.name.clone(),
            board: camera.board.name().to_owned(),
            device: camera.device.as_ref().map(|device| device.display().to_string()),
            codec,
            entries: Vec::new(),
            outcome: None,
            observed: None,
            troubles: Vec::new(),
        }
    }

    /// For a person.
    pub(super) fn print(&self, config: &Config, out: &mut Output) -> Result<(), CtlError> {
        let device = self.device.as_deref().unwrap_or("no device");
        out.line(&format!("{} ({device}), board {}, {}", self.camera, self.board, self.codec))?;
        if self.outcome.is_some() {
            let rows = self.rows(config);
            for (title, table) in [("START", Table::Start), ("END", Table::End)] {
                let of = rows.iter().filter(|row| row.table == table);
                let cells: Vec<_> = of.map(|row| row.cells()).collect();
                out.table(["#", title, "RESULT", "TOOK ms", "DEADLINE", ""], &cells)?;
            }
        }
        for Trouble { code, says, remedy } in &self.troubles {
            out.line(&format!("{code}: {says}\n  -> {remedy}"))?;
        }
        if let Some(observed) = &self.observed {
            out.line(&format!("the camera is {observed}"))?;
        }
        out.line("")
    }

    fn json(&self, config: &Config) -> Value {
        let troubles = self.troubles.iter().map(|Trouble { code, says, remedy }| {
            json!({ "code": code, "detail": says, "remedy": remedy })
        });
        json!({
            "camera": self.camera,
            "board": self.board,
            "device": self.device,
            "codec": self.codec,
            "ran": self.troubles.is_empty(),
            "troubles": troubles.collect::<Vec<_>>(),
            "steps": self.rows(config).iter().map(Row::json).collect::<Vec<_>>(),
            "outcome": self.outcome,
            "observed": self.observed,
        })
    }

    /// All 19, in their order; one that was looked at once more after a kill has two rows.
    fn rows(&self, config: &Config) -> Vec<Row<'_>> {
        let plan = Plan::new(Role::Offerer, CameraOpens::BeforeOffer);
        let steps = plan.order().iter().map(|step| {
            let row = step.row();
            (Table::Start, row.number, row.name, config.deadlines.step(*step))
        });
        let undos = UNDOS
            .iter()
            .map(|row| (Table::End, row.number, row.name, config.deadlines.undo(row.undo)));
        let mut rows = Vec::new();
        for (table, number, step, deadline) in steps.chain(undos) {
            let row = |deadline, entry| Row { table, number, step, deadline, entry };
            let here = |entry: &&Entry| entry.table == table && entry.step == step;
            // Whoever was waited for in vain was not there at all.
            let begun = |entry: &&Entry| table == Table::End || entry.number <= LAST_ALONE;
            let mut ran = self.entries.iter().filter(here).filter(begun);
            rows.push(row(deadline, ran.next()));
            rows.extend(ran.map(|confirming| row(KILL_DEADLINE, Some(confirming))));
        }
        rows
    }
}

impl Row<'_> {
    fn cells(&self) -> [String; 6] {
        let nothing = || NOTHING.to_owned();
        let took = self.took().map_or(nothing(), |ms| format!("{ms:7.1}"));
        let note = match self.entry {
            Some(entry) => entry.note.clone().unwrap_or_default(),
            None if self.needs_a_viewer() => "needs a viewer".to_owned(),
            None => String::new(),
        };
        [
            self.number.to_string(),
            self.step.to_owned(),
            self.entry.map_or(nothing(), |entry| result(entry.result).to_owned()),
            took,
            humantime::format_duration(self.deadline).to_string(),
            note,
        ]
    }

    fn json(&self) -> Value {
        json!({
            "table": self.table,
            "number": self.number,
            "step": self.step,
            "result": self.entry.map(|entry| entry.result),
            "took_ms": self.took(),
            "deadline_ms": self.deadline.as_millis() as u64,
            "note": self.entry.and_then(|entry| entry.note.clone()),
        })
    }

    /// Milliseconds, to the microsecond.
    fn took(&self) -> Option<f64> {
        let took = self.entry.and_then(|entry| Some(entry.ended_ms? - entry.began_ms));
        took.map(|ms| (ms * 1000.0).round() / 1000.0)
    }

    fn needs_a_viewer(&self) -> bool {
        self.table == Table::Start && self.number > LAST_ALONE || self.step == "disable-tracks"
    }
}

impl Trouble {
    fn of(step: Option<&str>, fault: &Fault) -> Self {
        let says = match step {
            Some(step) => format!("{step}: {}", fault.detail),
            None => fault.detail.clone(),
        };
        Self { code: fault.code.to_string(), says, remedy: fault.code.remedy().to_owned() }
    }

    fn late(step: &str) -> Self {
        let says = format!("{step} was not done within its deadline");
        Self { code: "late".to_owned(), says, remedy: LATE.to_owned() }
    }
}

/// Everything but what was meant: it ran as far as it does alone, and was asked to end.
fn troubles(outcome: &Outcome) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    match &outcome.cause {
        Cause::Requested { by: StopReason::Api } => {}
        Cause::Requested { by } => troubles.push(Trouble {
            code: by.name().to_owned(),
            says: "it was ended before it was through".to_owned(),
            remedy: "check again when nothing interferes".to_owned(),
        }),
        Cause::StartFailed { step, fault } => troubles.push(Trouble::of(Some(step.name()), fault)),
        Cause::StartLate { step } => troubles.push(Trouble::late(step.name())),
        Cause::Lost { fault } => troubles.push(Trouble::of(None, fault)),
    }
    for unclean in &outcome.unclean {
        let undo = unclean.undo.name();
        match &unclean.why {
            UncleanWhy::Late => troubles.push(Trouble::late(undo)),
            UncleanWhy::Failed { fault } => troubles.push(Trouble::of(Some(undo), fault)),
            // Its end is the cause, or was the kill for one of these.
            UncleanWhy::WorkerGone => {}
        }
    }
    troubles
}

/// The last word, and the exit code.
pub(super) fn end(
    trials: &[Trial],
    stopped: Option<&str>,
    config: &Config,
    out: &mut Output,
) -> Result<ExitCode, CtlError> {
    if out.is_json() {
        let trials: Vec<_> = trials.iter().map(|trial| trial.json(config)).collect();
        out.json(&trials)?;
    } else {
        let ran = trials.iter().filter(|trial| trial.troubles.is_empty()).count();
        let end = stopped.map(|by| format!("; ended by {by}")).unwrap_or_default();
        out.line(&format!("{ran} of {} ran as they should{end}", trials.len()))?;
    }
    let right = stopped.is_none() && trials.iter().all(|trial| trial.troubles.is_empty());
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
