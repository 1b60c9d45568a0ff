// SPDX-License-Identifier: MIT OR Apache-2.0
//! The release oracle: whether a camera is really closed, by observation of the system.
//!
//! A stop that returned is not a release: a buffer that is still out keeps the driver's queue, a
//! duplicated or inherited descriptor keeps the node, a driver may fail to stop and say nothing.
//! So before each open and after each close all that can tell is looked at:
//!
//! ```text
//!   Shutter ── holders   who on the whole system has the node open, and is it one of ours?
//!      │    ── led       is the camera's privacy LED on, and does the kernel own it?
//!      │    ── power     is its sensor suspended?   (topology: which sensor, which LED)
//!      │    ── v4l2      would the driver let somebody else stream?
//!      └─ Evidence ──► Verdict, with the reason in words
//! ```

#[cfg(test)]
pub(crate) mod fake;
pub mod holders;
pub mod led;
pub mod node;
pub mod observation;
pub mod power;
pub mod process;
pub mod roots;
pub mod shutter;
#[cfg(test)]
mod tests;
mod topology;
#[allow(unsafe_code)] // two ioctls
pub mod v4l2;
mod witness;

pub use holders::{Hidden, Holder, Holders};
pub use node::Node;
pub use observation::{Answer, Evidence, Observation, Verdict};
pub use process::Kin;
pub use roots::Roots;
pub use shutter::Shutter;
