// SPDX-License-Identifier: MIT OR Apache-2.0
//! Worker processes: what may block, crash or wedge runs in one, and ends with it.
//!
//! ```text
//!   Spares ── take ──► Worker<Camera>  ── call ──►  shutter-media camera
//!     │                Worker<Peer>    ◄─ facts ──  shutter-media peer
//!     │                   │ pidfd: kill, reaped
//!     └─ replenish        └─ Process
//! ```
//!
//! A worker inherits its control socket as standard input, `/dev/null` as standard output, the
//! log as standard error, and nothing else. When the daemon goes away the socket hangs up, and the
//! worker ends by itself.

pub mod leftover;
#[cfg(feature = "faults")]
pub mod planted;
pub mod process;
pub mod program;
pub mod registry;
pub mod role;
pub mod spares;

pub use process::{Exit, Process};
pub use role::{Camera, Peer, Role, Worker};
pub use spares::Spares;
