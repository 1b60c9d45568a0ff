// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faults planted on purpose: what `make faults` does to a session, step by step. Only builds with
//! the feature `faults` have this, and they are not for shipping.

use serde::{Deserialize, Serialize};

/// One fault, at one point of every session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planted {
    /// Which process misbehaves.
    pub place: Place,
    /// At which step or undo, by its public name.
    pub step: String,
    /// On which side of it.
    pub when: When,
    /// How.
    pub what: Misdeed,
}

/// A kind of process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Place {
    Daemon,
    Camera,
    Peer,
}

/// A side of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum When {
    Before,
    After,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misdeed {
    /// The step fails.
    Error,
    /// The step never ends: in a worker the stage's thread is stuck with it. In the daemon it ends
    /// when the plan is replaced.
    Hang,
    /// The process ends by SIGABRT.
    Abort,
    /// The process ends by SIGSEGV.
    Segfault,
    /// The process is stopped, all its threads, and not ended.
    Freeze,
    /// The step takes this many milliseconds longer.
    Slow(u64),
    /// Camera: a child process is left that has inherited every descriptor without close-on-exec.
    Inherit,
    /// Camera: one buffer of the source is kept for ever.
    KeepBuffer,
    /// A worker's stage writes to [`FROZEN`]. While a test has that file system frozen, this is the
    /// uninterruptible sleep of a driver that hangs: SIGKILL does not end it.
    Uninterruptible,
}

/// On a file system of its own, which the test makes and freezes.
pub const FROZEN: &str = "/tmp/frozen/file";

/// What `plan` has for this point.
pub fn at(plan: &[Planted], place: Place, step: &str, when: When) -> Option<Misdeed> {
    let here = |p: &&Planted| p.place == place && p.step == step && p.when == when;
    plan.iter().find(here).map(|planted| planted.what)
}
