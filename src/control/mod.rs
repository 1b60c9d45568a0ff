// SPDX-License-Identifier: MIT OR Apache-2.0
//! How people and programs look at the service and steer it: the HTTP API ([`api`]) and the viewer
//! How people and programs look at the service and steer it: the HTTP API ([`api`]), the viewer page
//! ([`page`]) and the system bus ([`bus`]).
pub mod api;
pub mod bus;
pub mod page;
#[cfg(feature = "faults")]
pub mod planted;
