// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a process has in memory, and when it has too much.

/// What counts as a leak, in KiB a session: a megabyte in ten thousand. Below it a thousand cycles
/// cannot tell a leak from an allocator that is still settling.
pub(crate) const LEAK: f64 = 0.1;

/// What the process has allocated, in KiB. Of its files' pages, code that runs for the first time after
/// thousands of sessions would look like a leak.
pub(crate) fn anonymous(pid: u32) -> f64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
