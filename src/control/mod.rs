// SPDX-License-Identifier: MIT OR Apache-2.0
//! How people and programs look at the service and steer it: the HTTP API ([`api`]) and the viewer
//! page ([`page`]).

pub mod api;
pub mod bus;
pub mod page;
#[cfg(feature = "faults")]
pub mod planted;
mod polkit;
