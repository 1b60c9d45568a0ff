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
//! [`control`] is the vocabulary of the first, carried as JSON, one message to a packet, by
//! [`socket`]; [`link`] is the second: encoded access units from the camera to one peer, on a
//! stream socket of their own that the daemon makes and then forgets.

pub mod control;
pub mod link;
pub mod socket;

pub use control::{
    CameraCommand, CameraFact, Candidate, Codec, Connection, PeerCommand, PeerFact, Promise, Reply,
    Report, Request, SessionId, Ssrc, VideoTrack, ViewerStats,
};
