// SPDX-License-Identifier: MIT OR Apache-2.0
//! The link: encoded access units from the camera worker to one peer worker, and what that peer
//! wants of the encoder the other way. A packet is a frame's header; what it carries lies in a
//! sealed memory whose descriptor is beside it, written once for all viewers.
//!
//! ```text
//!   0      1       2..4    4..8          8..16               beside it
//!   kind   flags   zero    payload len   time, ns (LE)       the payload's memory, if there is one
//! ```
//!
//! Time is `CLOCK_MONOTONIC` when the camera delivered the frame: the pipelines of both workers run
//! on that clock, so no other synchronisation is needed.

mod frame;
mod memory;
mod socket;

pub use frame::{Frame, HEADER_LEN, Header, HeaderError, Kind, MAX_PAYLOAD};
pub use memory::MemoryError;
pub use socket::{LinkError, LinkSocket, link_pair};

/// The lowest rate that is said of a path, bits per second, and that an encoder is asked for, unless it
/// is configured for less: below, no picture is worth looking at.
pub const LEAST_BITRATE: u32 = 80_000;
