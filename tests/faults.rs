// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shutter promise against every fault: a session is disturbed at each of its steps, in each
//! way, alone and beside another viewer; at each of its undos; and by stops at any moment. Needs the
//! feature `faults`: `make faults`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "the functions beside the tests are tests too, and say what they measured"
)]

#[path = "faults/census.rs"]
mod census;
#[path = "media/decoder.rs"]
mod decoder;
#[path = "faults/matrix.rs"]
mod matrix;
#[path = "faults/outage.rs"]
mod outage;
#[path = "faults/planting.rs"]
mod planting;
mod service;
#[path = "media/soon.rs"]
mod soon;
#[path = "faults/stand.rs"]
mod stand;
#[path = "faults/stops.rs"]
mod stops;
#[path = "faults/undos.rs"]
mod undos;
#[expect(dead_code, reason = "the workers' tests use more of it")]
#[path = "media/viewer.rs"]
mod viewer;
#[path = "faults/viewers.rs"]
mod viewers;
#[path = "faults/watcher.rs"]
mod watcher;
