// SPDX-License-Identifier: MIT OR Apache-2.0
//! shutterd: the camera is open only while somebody is entitled to see it, and is *observed* closed
//! when a session ends.
//!
//! The floors, lowest first (who may import whom is kept by `tests/architecture.rs`):
//!
//! | floor | modules | knows |
//! |---|---|---|
//! | 0 | [`lifecycle`], [`sdp`], [`config`], [`pipeline`], [`wire`] | data and pure functions |
//! | 1 | [`device`], [`worker`], [`session`] | processes, sockets, deadlines |
//! | 1.5 | [`http`] | problem documents, origins, bodies: what the adapters above share |
//! | 2 | [`signalling`], [`control`], [`triggers`] | HTTP, WebSocket, D-Bus, input devices |
//! | 3 | [`daemon`] | wiring, systemd |
//!
//! `src/media` is not here: it belongs to `bin/shutter-media.rs`, the one binary that links
//! GStreamer.

pub mod config;
pub mod control;
pub mod daemon;
pub mod device;
pub mod http;
pub mod lifecycle;
pub mod pipeline;
pub mod sdp;
pub mod session;
pub mod signalling;
pub mod triggers;
pub mod wire;
pub mod worker;
