// SPDX-License-Identifier: MIT OR Apache-2.0
//! The media worker as the daemon meets it: the binary, its control socket, its links. A webrtcbin
//! of this process is the viewer. Waits are for events, with a deadline.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "the functions beside the tests are tests too, and say what they measured"
)]

#[path = "media/call.rs"]
mod call;
#[path = "media/camera.rs"]
mod camera;
#[path = "media/decoder.rs"]
mod decoder;
#[path = "media/h265.rs"]
mod h265;
#[path = "media/hangup.rs"]
mod hangup;
#[path = "media/leftovers.rs"]
mod leftovers;
#[path = "media/liveness.rs"]
mod liveness;
#[path = "media/peer.rs"]
mod peer;
#[path = "media/rates.rs"]
mod rates;
#[path = "media/refusals.rs"]
mod refusals;
#[path = "media/soon.rs"]
mod soon;
#[path = "media/teardown.rs"]
mod teardown;
#[path = "media/viewer.rs"]
mod viewer;
#[path = "media/worker.rs"]
mod worker;
