// SPDX-License-Identifier: MIT OR Apache-2.0
//! What workers that have not ended keep.

use std::fs;

use shutterd::worker::role::Role;
use shutterd::worker::{Camera, Peer, Worker};

use crate::record::Left;

pub(crate) fn census(camera: &Worker<Camera>, peer: &Worker<Peer>) -> Vec<Left> {
    [of("camera", camera), of("peer", peer)].into_iter().flatten().collect()
}

fn of<R: Role>(name: &'static str, worker: &Worker<R>) -> Option<Left> {
    if worker.is_gone() {
        return None;
    }
    let process = format!("/proc/{}", worker.pid());
    let entries = |of: &str| fs::read_dir(format!("{process}/{of}")).map_or(0, Iterator::count);
    let threads = u32::try_from(entries("task")).unwrap_or_default();
    let rollup = fs::read_to_string(format!("{process}/smaps_rollup")).unwrap_or_default();
    let memory = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let memory = memory.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
    Some(Left {
        worker: name,
        threads,
        descriptors: entries("fd"),
        memory: memory.unwrap_or_default(),
    })
}
