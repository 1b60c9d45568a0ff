// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets that come, or leave: since when they do, and when the last one did. One thread marks
//! them, any thread asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Packets further apart belong to two runs. It is more than the second between two frames of the
/// slowest camera, and than what browsers leave between two reports.
pub(super) const PAUSE: Duration = Duration::from_secs(2);

/// Packets with no [`PAUSE`] between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    /// The first.
    pub(super) since: Instant,
    /// The last so far.
    pub(super) last: Instant,
}

/// The packets of one session in one direction. Moments are kept in milliseconds.
#[derive(Debug)]
pub(super) struct Flow {
    began: Instant,
    since: AtomicU64,
    last: AtomicU64,
}

impl Flow {
    /// A flow that counts as begun at `began`.
    pub(super) fn new(began: Instant) -> Self {
        Self { began, since: AtomicU64::new(0), last: AtomicU64::new(0) }
    }

    /// A packet passes `now`.
    pub(super) fn mark(&self, now: Instant) {
        let at = u64::try_from((now - self.began).as_millis()).unwrap_or(u64::MAX);
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        if now - self.began > last + PAUSE {
            self.since.store(at, Ordering::Relaxed);
        }
        // Whoever sees this packet sees when its run began.
        self.last.store(at, Ordering::Release);
    }

    /// The run of the last packet.
    pub(super) fn run(&self) -> Run {
        let last = self.last.load(Ordering::Acquire);
        let at = |millis| self.began + Duration::from_millis(millis);
        Run { last: at(last), since: at(self.since.load(Ordering::Relaxed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_where_packets_pause() {
        let began = Instant::now();
        let at = |millis| began + Duration::from_millis(millis);
        let flow = Flow::new(began);
        assert_eq!(flow.run(), Run { since: at(0), last: at(0) });
        for (millis, since) in [(1, 0), (2001, 0), (4001, 0), (6002, 6002), (6003, 6002)] {
            flow.mark(at(millis));
            assert_eq!(flow.run(), Run { since: at(since), last: at(millis) });
        }
    }
}
