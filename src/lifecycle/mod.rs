// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order: twelve steps that start a session, seven that end it.
//!
//! ```text
//!              begin            last step done
//!   (new) ───────────► starting ───────────────► running
//!                         │                         │
//!                         │ failed, late, stop,     │ stop, worker gone
//!                         │ worker gone             │
//!                         └──────────► stopping ◄───┘
//!                                         │ nothing owed any more
//!                                         ▼
//!                                       ended
//! ```
//!
//! Everything here is pure: no clock, no input or output, no threads. [`steps`] holds the order as
//! data, [`plan`] turns it into one session's order, [`machine`] decides what happens next, and the
//! driver one floor up does it and reports. `tests/lifecycle.rs` walks every path.

pub mod fault;
pub mod machine;
pub mod outcome;
pub mod plan;
pub mod steps;

pub use fault::{Fault, FaultCode};
pub use machine::{Action, Event, Machine};
pub use outcome::{Cause, Outcome, StopReason, Unclean, UncleanWhy};
pub use plan::{CameraOpens, Phase, Plan, Role};
pub use steps::{Place, Step, Undo, Worker};
