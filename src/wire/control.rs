// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is the same for every worker: it executes one command at a time and reports; it decides
//! nothing.

use serde::{Deserialize, Serialize};

use super::ViewerStats;
use crate::lifecycle::Fault;

/// Names one session, in every message that concerns it. Random, 64 bits, 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for SessionId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(SessionId)
    }
}

impl Serialize for SessionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A command with the number that its report will carry. Descriptors travel beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request<C> {
    /// Unique per worker, counted up from 1.
    pub id: u64,
    /// What to do.
    pub command: C,
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report<F> {
    /// The command of that number is done.
    Done {
        /// The command's number.
        id: u64,
        /// What came of it.
        reply: Reply,
    },
    /// The command of that number failed.
    Failed {
        /// The command's number.
        id: u64,
        /// Why.
        fault: Fault,
    },
    /// Something happened.
    Fact(F),
}

/// What a command that is done has to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// Nothing beyond that it is done.
    Done,
    /// The camera delivers this, in GStreamer's notation of caps.
    Caps(String),
    /// A session description.
    Sdp(String),
    /// Live figures of one viewer.
    Stats(ViewerStats),
}
