// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a session ended, and what could not be undone cleanly.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::steps::{Step, Undo, Worker};

/// Who asked for the end of a session that was going well. A closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// The API, the control socket, or `shutterctl stop`.
    Api,
    /// The viewer: WHEP DELETE or a goodbye on the WebSocket.
    Viewer,
    /// The configured `max-duration` is over.
    TimeLimit,
    /// The service ends (SIGTERM, SIGINT).
    Shutdown,
    /// The device is about to sleep.
    Sleep,
    /// The cover of the lens is shut.
    LensCover,
    /// A switch or key says that nobody may see.
    PrivacySwitch,
    /// Nobody wears the headset any more.
    Doffed,
}

/// Why a session ended. The first cause counts; what fails later is unclean, not a cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Cause {
    /// Somebody asked.
    Requested {
        /// Who.
        by: StopReason,
    },
    /// A start step failed.
    StartFailed {
        /// Which.
        step: Step,
        /// How.
        fault: Fault,
    },
    /// A start step missed its deadline.
    StartLate {
        /// Which.
        step: Step,
    },
    /// Something the session needs was lost, outside any step.
    Lost {
        /// What.
        fault: Fault,
    },
}

/// Why an undo counts as unclean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum UncleanWhy {
    /// It missed its deadline.
    Late,
    /// It failed.
    Failed {
        /// How.
        fault: Fault,
    },
    /// Its worker ended under it.
    WorkerGone,
}

/// An undo that did not go as it should. Its worker was killed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unclean {
    /// Which.
    pub undo: Undo,
    /// Why.
    #[serde(flatten)]
    pub why: UncleanWhy,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Why.
    pub cause: Cause,
    /// The undos that failed or were late, in order.
    pub unclean: Vec<Unclean>,
    /// The workers whose resources were *not* observed released, even after the kill.
    pub held: Vec<Worker>,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cause::Requested { by } => write!(f, "requested({})", by.name()),
            Cause::StartFailed { step, fault } => write!(f, "start-failed({step}, {fault})"),
            Cause::StartLate { step } => write!(f, "start-late({step})"),
            Cause::Lost { fault } => write!(f, "lost({fault})"),
        }
    }
}

impl StopReason {
    /// The public name, kebab-case.
    pub fn name(self) -> &'static str {
        match self {
            StopReason::Api => "api",
            StopReason::Viewer => "viewer",
            StopReason::TimeLimit => "time-limit",
            StopReason::Shutdown => "shutdown",
            StopReason::Sleep => "sleep",
            StopReason::LensCover => "lens-cover",
            StopReason::PrivacySwitch => "privacy-switch",
            StopReason::Doffed => "doffed",
        }
    }
}
