// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the outside is told of sessions and cameras. These types are the JSON of the API.

use serde::{Deserialize, Serialize};

use super::timeline::{Entry, StepResult};
use crate::device::Observation;
use crate::lifecycle::{Cause, Fault, FaultCode, Outcome, Phase, Role, StopReason};
use crate::wire::{Codec, SessionId};

/// One session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionStatus {
    /// Its id.
    pub id: SessionId,
    /// The run of the service that it belongs to: 16 hex digits, new at each start.
    pub run: String,
    /// Counts the sessions of that run, from 1.
    pub generation: u64,
    /// The publication that last changed this; see [`ServiceStatus::serial`].
    pub serial: u64,
    /// The camera's name.
    pub camera: String,
    /// Who offers.
    pub role: Role,
    /// The codec that was agreed on.
    pub codec: Codec,
    /// The viewer's address, where it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub viewer: Option<String>,
    /// Where it stands.
    pub phase: Phase,
    /// The step or undo in progress.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<String>,
    /// When it was asked for, RFC 3339 in UTC.
    pub asked_at: String,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Outcome>,
}

/// A session's timeline, as the API gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionTimeline {
    /// The session.
    pub session: SessionStatus,
    /// Every step and undo so far.
    pub entries: Vec<Entry>,
}

impl SessionStatus {
    /// What became of a session that is not alive: if nobody gave it an end, the service was killed
    /// or the device lost power while it went on.
    pub(super) fn interrupted(mut self) -> Self {
        let phase = match self.phase {
            Phase::Ended => return self,
            Phase::Starting => "started",
            Phase::Running => "ran",
            Phase::Stopping => "ended",
        };
        let detail = format!(
            "the service was killed, or the device lost power, while the session {phase}; \
             nobody saw the camera close"
        );
        let cause = Cause::Lost { fault: Fault::new(FaultCode::Interrupted, detail) };
        self.phase = Phase::Ended;
        self.step = None;
        self.outcome = Some(Outcome { cause, unclean: Vec::new(), held: Vec::new() });
        self
    }
}

impl SessionTimeline {
    /// See [`SessionStatus::interrupted`].
    pub(super) fn interrupted(mut self) -> Self {
        self.session = self.session.interrupted();
        for entry in &mut self.entries {
            if entry.result == StepResult::InProgress {
                entry.result = StepResult::Abandoned;
            }
        }
        self
    }
}

/// Whether a camera is open: the word that the shutter promise is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraState {
    /// Observed closed.
    Closed,
    /// Being opened.
    Opening,
    /// Open.
    Open,
    /// Being closed.
    Closing,
    /// Closed by us, and still held by something.
    Wedged,
}

/// One camera.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CameraStatus {
    /// Its name.
    pub name: String,
    /// Its board's name.
    pub board: String,
    /// Its node; a board without one (`demo`) has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device: Option<String>,
    /// Whether it is open.
    pub state: CameraState,
    /// The sessions that hold a lease on it.
    pub viewers: usize,
    /// At most this many.
    pub max_viewers: usize,
    /// What it encodes while it is open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub codec: Option<Codec>,
    /// Why it is wedged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<Fault>,
    /// What the release oracle saw when it last looked: before an opening, or after a close.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub observed: Option<Observation>,
}

/// What keeps cameras closed for as long as it lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shut {
    /// What the sessions that it ends say.
    pub by: StopReason,
    /// What it is, for a person.
    pub what: String,
    /// The cameras that it concerns; empty: every one.
    pub cameras: Vec<String>,
}

impl Shut {
    /// Whether it concerns the camera of that name.
    pub fn concerns(&self, camera: &str) -> bool {
        self.cameras.is_empty() || self.cameras.iter().any(|name| name == camera)
    }

    /// What a start meets meanwhile.
    pub fn fault(&self) -> Fault {
        let code = match self.by {
            StopReason::Sleep => FaultCode::Sleeping,
            _ => FaultCode::CameraShut,
        };
        Fault::new(code, self.what.clone())
    }
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The service's version.
    pub version: String,
    /// Counts publications: `?after=SERIAL` waits for one that is newer.
    pub serial: u64,
    /// Whether the service is ending.
    pub stopping: bool,
    /// What keeps cameras closed for now.
    #[serde(default)]
    pub shut: Vec<Shut>,
    /// The cameras, as configured.
    pub cameras: Vec<CameraStatus>,
    /// The sessions: those alive, and the last ones that ended.
    pub sessions: Vec<SessionStatus>,
}
