// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a process has in memory, and when it has too much.

/// With fewer sessions the system's allocator is still finding its size in the second half of them.
pub(crate) const SETTLED: usize = 10_000;

/// What counts as a leak in the second half of so many sessions, in KiB a session. A megabyte in ten
/// thousand; of fewer, what no allocator that is still finding its size has shown: over the 500th to
/// the 1,000th it grows by 0.2, and tests/heap.rs counts each block.
pub(crate) fn leak(sessions: usize) -> f64 {
    if sessions < SETTLED { 1.0 } else { 0.1 }
}

/// What the process has allocated, in KiB. Of its files' pages, code that runs for the first time after
/// thousands of sessions would look like a leak.
pub(crate) fn anonymous(pid: u32) -> f64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
