// SPDX-License-Identifier: MIT OR Apache-2.0
//! Session after session with no gap between them, real workers and a viewer that decodes: not one
//! camera left open, not one failed start, nothing that grows. `make soak CYCLES=10000`; without
//! `CYCLES` a short one.

#![expect(clippy::unwrap_used, reason = "the functions beside the tests are tests too")]

use std::io::Write as _;
use std::time::{Duration, Instant};

use shutterd::lifecycle::{Cause, Role, StopReason};

use figures::{Slope, percentile};
use stand::{BOUND, Stand};

#[path = "faults/census.rs"]
mod census;
#[path = "media/decoder.rs"]
mod decoder;
#[path = "soak/figures.rs"]
mod figures;
#[path = "soak/memory.rs"]
mod memory;
mod service;
#[path = "media/soon.rs"]
mod soon;
#[path = "faults/stand.rs"]
#[allow(dead_code, reason = "the matrix uses more of it")]
mod stand;
#[allow(dead_code, reason = "the workers' tests use more of it")]
#[path = "media/viewer.rs"]
mod viewer;
#[allow(dead_code, reason = "the matrix uses more of it")]
#[path = "faults/watcher.rs"]
mod watcher;

/// Cycles when none are asked for.
const SHORT: usize = 20;
/// Fewer cycles tell nothing of the daemon's memory: it remembers 64 ended sessions, and then its
/// allocator's pools grow with what chance brings.
const TELLING: usize = 1000;

// Failure modes: V1, V5, G7, G10, G14.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak() {
    let cycles = std::env::var("CYCLES").map_or(SHORT, |text| text.parse().unwrap());
    let stand = Stand::new();
    let (mut closings, mut resident) = (Vec::with_capacity(cycles), Vec::new());
    let mut samples =
        std::fs::File::create(concat!(env!("CARGO_TARGET_TMPDIR"), "/soak.csv")).unwrap();
    let began = Instant::now();
    for cycle in 0..cycles {
        let role = [Role::Answerer, Role::Offerer][cycle % 2];
        let generation = stand.generation().await;
        let (watcher, session) = stand.watch(role).await;
        stand.stop(&session).await;
        let ended = stand.ended(generation).await;
        let right = ended.outcome.cause == Cause::Requested { by: StopReason::Api }
            && ended.outcome.held.is_empty();
        assert!(right, "cycle {cycle}: {:?}", ended.outcome);
        let closed = ended.closed_after().unwrap();
        assert!(closed <= BOUND, "cycle {cycle}: closed after {closed:?}");
        closings.push(closed.as_secs_f64() * 1000.0);
        drop(watcher);
        resident.push((cycle as f64, memory::anonymous(stand.service.pid())));
        writeln!(samples, "{cycle},{:.1},{}", closings[cycle], resident[cycle].1).unwrap();
    }
    stand.is_as_before().await;

    let took = began.elapsed();
    eprintln!("{cycles} cycles, {:.0} ms each", took.as_secs_f64() * 1000.0 / cycles as f64);
    closings.sort_by(f64::total_cmp);
    let at = |share| percentile(&closings, share);
    eprintln!(
        "stop asked to camera observed closed: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms (bound {} ms)",
        at(0.5),
        at(0.99),
        at(1.0),
        Duration::as_millis(&BOUND),
    );
    // The first half is left out: until then pools and arenas of the allocator reach their size.
    let settled = &resident[resident.len() / 2..];
    if cycles < TELLING {
        eprintln!("SKIPPED: the daemon's memory, for CYCLES below {TELLING}");
        return;
    }
    let slope = Slope::of(settled);
    eprintln!(
        "daemon's memory: {:.0} KiB at the end; slope {slope} KiB a cycle, over the last {} cycles",
        settled.last().unwrap().1,
        settled.len(),
    );
    let leak = memory::leak(cycles);
    assert!(!slope.is_surely_above(leak), "memory grows: {slope} KiB a cycle, {leak} is a leak");
}
