// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is written down of one run: one line of JSON.

use serde::Serialize;

/// What came of one step or undo.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Did {
    pub(crate) name: &'static str,
    /// `done`, `late`, `missing` (what it needs was not made), `unknown` (nobody waited), or the code
    /// of the fault.
    pub(crate) result: String,
    /// Milliseconds from its beginning to the next one's.
    pub(crate) took: f64,
}

/// What is left when an end is over, before it is cleared away.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Left {
    /// `camera` or `peer`: the worker that has not ended.
    pub(crate) worker: &'static str,
    pub(crate) threads: u32,
    pub(crate) descriptors: usize,
    /// Proportional set size, KiB.
    pub(crate) memory: u64,
}

/// How the session after it began.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Next {
    /// `done`, or what `open-camera` or `create-source` ended with.
    pub(crate) result: String,
    /// Milliseconds to its first frame in the camera worker.
    pub(crate) took: f64,
}

/// One run.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) experiment: &'static str,
    pub(crate) variant: String,
    pub(crate) role: String,
    pub(crate) seed: u64,
    pub(crate) start: Vec<Did>,
    /// Milliseconds from the beginning of the first step to the first picture at the viewer.
    pub(crate) first_frame: Option<f64>,
    /// Whether the viewer saw the device's data channel.
    pub(crate) channel: bool,
    /// Milliseconds after the beginning at which the stop was asked for, where that is chance's.
    pub(crate) stopped_at: Option<f64>,
    pub(crate) end: Vec<Did>,
    /// Packets of media that came after the end had begun.
    pub(crate) packets_after: u64,
    /// Milliseconds from the stop to the camera being observed closed; none: it stayed open.
    pub(crate) closed: Option<f64>,
    /// Whether the driver still has somebody's buffers when the end is over, where there is a driver.
    pub(crate) busy: Option<bool>,
    /// Whether the viewer was told goodbye.
    pub(crate) told: bool,
    pub(crate) next: Option<Next>,
    pub(crate) left: Vec<Left>,
    /// What made the run worthless, if anything did.
    pub(crate) broken: Option<String>,
}
