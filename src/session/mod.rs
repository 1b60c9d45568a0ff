// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sessions and cameras: who may see, what runs, and the observed end of it.
//!
//! ```text
//!   signalling ─ SessionHandle ─►  registry ─ one task a session ─►  driver ── Machine
//!                                                                      │ Stage
//!                        Camera (leases, one Run at a time) ◄───────── stage ─► Peer
//!                           │ worker::Worker<Camera>                     │ worker::Worker<Peer>
//! ```
//!
//! One task owns each session ([`driver`]); everybody else holds a [`SessionHandle`]. Sessions of
//! one camera meet in [`camera`], which alone knows how many there are.

pub mod announcer;
mod answer;
pub mod camera;
pub mod driver;
pub mod handle;
pub mod history;
pub mod journal;
pub mod peer;
pub mod registry;
mod stage;
pub mod status;
pub mod timeline;
mod track;
pub mod viewer;
pub mod whole;

pub use announcer::{Announcer, Listener, News};
pub use answer::Unanswered;
pub use handle::{FromViewer, Negotiation, SessionHandle, ToViewer};
pub use history::Found;
pub use journal::Journal;
pub use registry::Registry;
pub use status::{CameraState, CameraStatus, ServiceStatus, SessionStatus, SessionTimeline, Shut};
pub use timeline::{Done, Entry, StepResult, Table, Timeline};
