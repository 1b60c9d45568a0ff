// SPDX-License-Identifier: MIT OR Apache-2.0
//! What ran when: one entry for each step and undo of a session.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::lifecycle::{Step, Undo};

/// How a step or an undo went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepResult {
    /// Not over yet.
    InProgress,
    /// Done.
    Done,
    /// Failed; the note says how.
    Failed,
    /// Missed its deadline.
    Late,
    /// The teardown began, or the service was killed, while it was in progress.
    Abandoned,
}

/// Which table an entry belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    /// The twelve that start a session.
    Start,
    /// The seven that end it.
    End,
}

/// One step or undo. Times are milliseconds since the session was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Which table.
    pub table: Table,
    /// Its number there.
    pub number: u8,
    /// Its name, one of `lifecycle::steps`.
    pub step: String,
    /// When the machine asked for it.
    pub asked_ms: f64,
    /// When it began: later than asked where it had to wait for another session.
    pub began_ms: f64,
    /// When it ended.
    pub ended_ms: Option<f64>,
    /// How.
    pub result: StepResult,
    /// What there is to say: `shared with 1 other`, `kept for 2 others`, or the fault.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
}

/// A session's timeline.
#[derive(Clone, Debug)]
pub struct Timeline {
    origin: Instant,
    asked_at: SystemTime,
    entries: Vec<Entry>,
}

/// What a step that is done has to say for the timeline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// A word on how it went.
    pub note: Option<String>,
    /// How long it waited before it could begin.
    pub waited: Duration,
}

impl Done {
    /// Done, with a word on how it went.
    pub fn noted(note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..Self::default() }
    }
}

fn ms(duration: Duration) -> f64 {
    // Microseconds are as fine as anybody reads.
    (duration.as_micros() as f64) / 1000.0
}

impl Timeline {
    /// A timeline that begins now.
    pub fn begin() -> Self {
        Self { origin: Instant::now(), asked_at: SystemTime::now(), entries: Vec::new() }
    }

    /// When the session was asked for, RFC 3339 in UTC.
    pub fn asked_at(&self) -> String {
        humantime::format_rfc3339_millis(self.asked_at).to_string()
    }

    /// Milliseconds since the session was asked for.
    pub fn now_ms(&self) -> f64 {
        ms(self.origin.elapsed())
    }

    /// The entries, in the order in which they were asked for.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A start step begins.
    pub fn step(&mut self, step: Step) {
        let row = step.row();
        self.push(Table::Start, row.number, row.name);
    }

    /// An undo begins. Whatever is still in progress is abandoned.
    pub fn undo(&mut self, undo: Undo) {
        let now = self.now_ms();
        for entry in self.entries.iter_mut().filter(|e| e.result == StepResult::InProgress) {
            entry.end(now, StepResult::Abandoned, Done::default());
        }
        let row = undo.row();
        self.push(Table::End, row.number, row.name);
    }

    fn push(&mut self, table: Table, number: u8, name: &str) {
        let asked_ms = self.now_ms();
        self.entries.push(Entry {
            table,
            number,
            step: name.to_owned(),
            asked_ms,
            began_ms: asked_ms,
            ended_ms: None,
            result: StepResult::InProgress,
            note: None,
        });
    }

    /// The step or undo of that name ended so. Nothing of that name in progress: nothing happens.
    pub fn end(&mut self, name: &str, result: StepResult, done: Done) {
        let now = self.now_ms();
        let in_progress = |e: &&mut Entry| e.step == name && e.result == StepResult::InProgress;
        if let Some(entry) = self.entries.iter_mut().find(in_progress) {
            entry.end(now, result, done);
        }
    }
}

impl Entry {
    fn end(&mut self, now: f64, result: StepResult, done: Done) {
        self.began_ms = (self.asked_ms + ms(done.waited)).min(now);
        self.ended_ms = Some(now);
        self.result = result;
        self.note = done.note;
    }
}
