// SPDX-License-Identifier: MIT OR Apache-2.0
//! Session descriptions of viewers, read into checked types at the edge.
//!
//! webrtcbin gets a viewer's text only after it was read here: it is of bounded size, is a session
//! description, and asks for video that the device can send.

mod codec;
mod description;
mod fragment;
mod h264;
mod h265;
#[cfg(test)]
mod tests;

pub use codec::OfferedCodec;
pub use description::{Answer, MAX_LEN, Offer};
pub use fragment::{Fragment, parse_candidate};
