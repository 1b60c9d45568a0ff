// SPDX-License-Identifier: MIT OR Apache-2.0
//! shutter-media: the worker process. `shutter-media camera` has the camera open and no network;
//! `shutter-media peer` talks to a viewer and has no device. Both take their commands from the
//! control socket on standard input, do one step at a time, report, and decide nothing.
//! `shutter-media registry` brings GStreamer's plugin registry up to date, and ends;
//! `shutter-media inventory` prints what GStreamer has on this system, and ends.

#[path = "../media/mod.rs"]
mod media;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("inventory"), first) => media::inventory::print(first.into_iter().chain(arguments)),
        (Some("camera"), None) => media::run(media::WorkerRole::Camera),
        (Some("peer"), None) => media::run(media::WorkerRole::Peer),
        (Some("registry"), None) => media::refresh_registry(),
        _ => media::usage(),
    }
}
