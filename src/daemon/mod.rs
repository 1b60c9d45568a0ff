// SPDX-License-Identifier: MIT OR Apache-2.0
//! The service itself: what is wired to what, and how it begins and ends.

pub mod control_socket;
mod http_socket;
pub mod inherited;
pub mod log;
pub mod memory;
pub mod server;
pub mod service;
pub mod signals;
pub mod systemd;

pub use service::{Ending, longest_end, serve};
