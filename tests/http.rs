// SPDX-License-Identifier: MIT OR Apache-2.0
//! The HTTP interfaces. What is refused before any session begins is asked of the routes within
//! this process; what needs a session is asked of the real service with real workers.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, and these are their helpers

#[path = "http/api.rs"]
mod api;
#[path = "http/connections.rs"]
mod connections;
#[path = "http/doors.rs"]
mod doors;
#[path = "http/refusals.rs"]
mod refusals;
#[path = "http/routes.rs"]
mod routes;
mod service;
#[path = "http/websocket.rs"]
mod websocket;
#[path = "http/whep.rs"]
mod whep;
