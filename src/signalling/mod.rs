// SPDX-License-Identifier: MIT OR Apache-2.0
//! How viewers negotiate: [`whep`], where the viewer offers over HTTP, and [`websocket`], where
//! the device offers, and [`whip`], where it offers to a server. They turn what comes from outside into
//! checked types and decide nothing; the session behind the handle does. None knows of another.

pub mod websocket;
pub mod whep;
pub mod whip;
