// SPDX-License-Identifier: MIT OR Apache-2.0
//! How viewers negotiate: [`whep`], where the viewer offers over HTTP, and [`websocket`], where
//! the device offers. Both turn what comes from outside into checked types and decide nothing; the
//! session behind the handle does. Neither knows of the other.

pub(crate) mod answer;
pub mod websocket;
pub mod whep;
