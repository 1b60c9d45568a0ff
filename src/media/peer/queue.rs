// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether packets queue up on the path, or get lost there. A stream that sends less than it may
//! makes an estimator mistake one late packet for a path as narrow as what was sent; a machine that
//! is busy makes packets late. Neither makes the *common* packet late.

use std::collections::VecDeque;
use std::time::Duration;

/// What counts as now.
const RECENT: Duration = Duration::from_millis(500);

/// A path without a queue has shown its least delay once in this time. Clocks that drift by 100
/// millionths are a millisecond apart by then.
const BASE: Duration = Duration::from_secs(10);

/// Half of the recent packets waited longer than this: they queue. Less is a frame's own burst.
const QUEUED: i64 = 30_000;

/// The share of packets lost from which on a path is too narrow for what is sent: one in this many.
/// Paths lose some at any rate.
const LOST: usize = 10;

/// Fewer packets say nothing of how many are lost.
const FEW: usize = 20;

/// What became of the packets.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// When each left, and how long it was under way by two clocks, in microseconds; `None`: lost.
    recent: VecDeque<(Duration, Option<i64>)>,
    /// The least time under way in the present and in the one before of two spans of [`BASE`].
    least: [Option<i64>; 2],
    span: Duration,
}

impl Queue {
    /// A packet that left at `departure`, which grows, and came at `arrival`, by the viewer's clock.
    pub(super) fn hear(&mut self, departure: Duration, arrival: Option<Duration>) {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let under_way = arrival.map(|arrival| micros(arrival).saturating_sub(micros(departure)));
        if departure > self.span + BASE {
            self.least = [None, self.least[0]];
            self.span = departure;
        }
        self.least[0] = [self.least[0], under_way].into_iter().flatten().min();
        self.recent.push_back((departure, under_way));
        while self.recent.front().is_some_and(|(left, _)| *left + RECENT < departure) {
            self.recent.pop_front();
        }
    }

    /// Whether the path is too narrow for what was sent of late.
    pub(super) fn is_congested(&self) -> bool {
        let mut came: Vec<i64> =
            self.recent.iter().filter_map(|(_, under_way)| *under_way).collect();
        let lost = self.recent.len() - came.len();
        if self.recent.len() >= FEW && lost * LOST > self.recent.len() {
            return true;
        }
        let Some(least) = self.least.into_iter().flatten().min() else { return false };
        if came.is_empty() {
            return false;
        }
        let middle = came.len() / 2;
        let (_, median, _) = came.select_nth_unstable(middle);
        median.saturating_sub(least) > QUEUED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred packets a second for so many seconds from `from` on, each under way for
    /// `under_way(number)` milliseconds by a clock that is an hour ahead.
    fn hear(queue: &mut Queue, from: u64, seconds: u64, under_way: impl Fn(u64) -> Option<u64>) {
        for number in 0..seconds * 100 {
            let left = Duration::from_secs(from) + Duration::from_millis(number * 10);
            let arrival = under_way(number).map(|ms| left + Duration::from_millis(ms + 3_600_000));
            queue.hear(left, arrival);
        }
    }

    #[test]
    fn packets_that_all_wait_queue() {
        let mut queue = Queue::default();
        assert!(!queue.is_congested());
        hear(&mut queue, 1, 3, |_| Some(50));
        assert!(!queue.is_congested(), "a long path is no narrow one");
        hear(&mut queue, 4, 1, |number| Some(50 + number));
        assert!(queue.is_congested());
        hear(&mut queue, 5, 1, |_| Some(50));
        assert!(!queue.is_congested(), "it has drained");
    }

    #[test]
    fn some_late_packets_are_a_busy_machine() {
        let mut queue = Queue::default();
        hear(&mut queue, 1, 20, |number| Some(if number % 5 < 2 { 150 } else { 5 }));
        assert!(!queue.is_congested());
    }

    #[test]
    fn many_lost_packets_are_a_narrow_path_and_few_are_not() {
        let mut queue = Queue::default();
        hear(&mut queue, 1, 2, |number| (number % 20 != 0).then_some(5));
        assert!(!queue.is_congested(), "a twentieth");
        hear(&mut queue, 3, 2, |number| (number % 5 != 0).then_some(5));
        assert!(queue.is_congested(), "a fifth");
        let mut queue = Queue::default();
        queue.hear(Duration::from_secs(1), None);
        assert!(!queue.is_congested(), "one is no share");
    }

    #[test]
    fn clocks_that_drift_do_not_add_up() {
        let mut queue = Queue::default();
        // A thousandth: ten times what clocks do.
        for second in 0..60 {
            hear(&mut queue, 1 + second, 1, |_| Some(5 + second));
            assert!(!queue.is_congested(), "after {second} s");
        }
    }
}
