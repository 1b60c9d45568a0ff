// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every HTTP adapter shares: problem documents, who may ask, and bounded bodies.
//!
//! It stands below `signalling` and `control`, which never import one another, and knows of faults
//! but of no session.

pub mod body;
pub mod guard;
pub mod methods;
pub mod origin;
pub mod problem;

pub use body::read_text;
pub use origin::OriginPolicy;
pub use problem::{Problem, ProblemDocument, RequestFault};

/// The largest body, and the largest WebSocket message, that is read: bytes. It is what
/// [`crate::sdp`] reads.
pub const MAX_BODY: usize = 64 * 1024;

/// Who is at the other end of a connection, where that has an address. The server puts it into
/// every request's extensions.
#[derive(Clone, Debug)]
pub struct PeerAddress(pub std::net::SocketAddr);
