// SPDX-License-Identifier: MIT OR Apache-2.0
//! The release oracle: whether a camera is really closed, by observation of the system.
//!
//! A stop that returned is not a release: a buffer that is still out keeps the driver's queue, a
//! duplicated or inherited descriptor keeps the node, a driver may fail to stop and say nothing.
//! So before each open and after each close two things are looked at: who on the whole system has
//! the node open ([`holders`]), and whether the driver would let somebody else stream ([`v4l2`]).

pub mod holders;
pub mod node;
pub mod oracle;
#[allow(unsafe_code)] // two ioctls
pub mod v4l2;

pub use holders::{Holder, Holders};
pub use node::Node;
pub use oracle::{Observation, observe};
