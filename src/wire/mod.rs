// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the daemon and its workers say to one another.
//!
//! ```text
//!   shutterd ── Request<CameraCommand> ──►  shutter-media camera ─┐
//!            ◄─ Report<CameraFact> ───────                        │ link: access units ►
//!            ── Request<PeerCommand> ────►  shutter-media peer  ◄─┘       ◄ keyframe wanted
//!            ◄─ Report<PeerFact> ─────────
//! ```
//!
//! [`control`], [`camera`] and [`peer`] are the vocabulary of the first, carried as JSON, one message
//! to a packet, by [`socket`]; [`link`] is the second: encoded access units from the camera to one
//! peer, on a socket of their own that the daemon makes and then forgets. Both are packet sockets.

pub mod camera;
pub mod codec;
pub mod control;
pub mod inventory;
pub mod link;
pub(crate) mod packet;
pub mod peer;
#[cfg(feature = "faults")]
pub mod planted;
pub mod socket;

pub use camera::{CameraCommand, CameraFact, Whole};
pub use codec::Codec;
pub use control::{Reply, Report, Request, SessionId};
pub use peer::{
    Candidate, Connection, Extensions, PLAYOUT_DELAY, PeerCommand, PeerFact, Promise, TRANSPORT_CC,
    VideoTrack, ViewerStats,
};
