// SPDX-License-Identifier: MIT OR Apache-2.0
//! Smaller and rarer pictures where the rate is far from what the whole ones need. Down soon, up
//! only when the rate has been more than enough for a while: each change costs every viewer a
//! keyframe.

use std::time::Duration;

use shutterd::wire::Whole;
use tokio::time::Instant;

/// A step on the way down from the picture that is configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Width and height are divided by two to this power.
    pub(super) halved: u32,
    /// Of so many pictures one is encoded, and one more.
    pub(super) left_out: u32,
}

/// From the whole picture down. First the rate: a picture that stutters shows more than a blurred
/// one, of the same bits.
const STEPS: [Step; 4] = [
    Step { halved: 0, left_out: 0 },
    Step { halved: 0, left_out: 1 },
    Step { halved: 1, left_out: 1 },
    Step { halved: 1, left_out: 2 },
];

/// Bits that a pixel needs for a picture to be worth looking at, in thousandths; H.264 and VP8
/// encoders that are made for speed, of scenes that move. H.265 needs less: how much was not tried.
const MILLIBITS_A_PIXEL: u64 = 40;

/// How long the rate must be too low before a step down.
const BEFORE_DOWN: Duration = Duration::from_secs(1);
/// How long it must be enough for the step above, and half as much again, before a step up.
const BEFORE_UP: Duration = Duration::from_secs(5);

/// Where on the steps a camera is.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    whole: Whole,
    at: usize,
    /// Since when the rate calls for another step: up, or down.
    calls: Option<(bool, Instant)>,
}

impl Steps {
    pub(super) fn new(whole: Whole) -> Self {
        Self { whole, at: 0, calls: None }
    }

    /// The step now.
    pub(super) fn step(&self) -> Step {
        STEPS[self.at]
    }

    /// Bits per second that a step needs. The whole picture needs no more than half of what is
    /// configured, however little that is: somebody chose it.
    fn need(&self, at: usize) -> u64 {
        let Whole { width, height, framerate, bitrate } = self.whole;
        let pixels = u64::from(width) * u64::from(height) * u64::from(framerate);
        let whole = (pixels * MILLIBITS_A_PIXEL / 1000).min(u64::from(bitrate) / 2);
        let Step { halved, left_out } = STEPS[at];
        whole / (1 << (2 * halved)) / u64::from(left_out + 1)
    }

    /// The encoder has this many bits per second `now`. Says when it is to be asked again with the
    /// same rate, if that is to be.
    pub(super) fn consider(&mut self, bitrate: u32, now: Instant) -> Option<Instant> {
        let bitrate = u64::from(bitrate);
        let down = self.at + 1 < STEPS.len() && bitrate < self.need(self.at);
        let up = self.at > 0 && bitrate >= self.need(self.at - 1) * 3 / 2;
        if !down && !up {
            self.calls = None;
            return None;
        }
        let since = match self.calls {
            Some((is_up, since)) if is_up == up => since,
            _ => now,
        };
        let due = since + if up { BEFORE_UP } else { BEFORE_DOWN };
        if now < due {
            self.calls = Some((up, since));
            return Some(due);
        }
        self.at = if up { self.at - 1 } else { self.at + 1 };
        self.calls = None;
        self.consider(u32::try_from(bitrate).unwrap_or(u32::MAX), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WHOLE: Whole = Whole { width: 640, height: 480, framerate: 30, bitrate: 2_000_000 };

    /// The step at the end of each second at this rate.
    fn seconds(steps: &mut Steps, from: Instant, bitrate: u32, count: u64) -> Vec<usize> {
        let mut after = Vec::new();
        for second in 0..count {
            let at = from + Duration::from_secs(second);
            let mut due = steps.consider(bitrate, at);
            while let Some(moment) = due.filter(|due| *due < at + Duration::from_secs(1)) {
                due = steps.consider(bitrate, moment);
            }
            after.push(steps.at);
        }
        after
    }

    #[test]
    fn down_by_a_step_a_second_to_the_one_that_the_rate_is_enough_for() {
        let mut steps = Steps::new(WHOLE);
        let now = Instant::now();
        assert_eq!(seconds(&mut steps, now, 2_000_000, 3), [0, 0, 0]);
        assert_eq!(seconds(&mut steps, now, 300_000, 4), [0, 1, 1, 1]);
        assert_eq!(seconds(&mut steps, now, 20_000, 4), [1, 2, 3, 3]);
    }

    #[test]
    fn up_only_after_a_while_of_more_than_enough() {
        let mut steps = Steps::new(WHOLE);
        let now = Instant::now();
        seconds(&mut steps, now, 300_000, 3);
        let later = now + Duration::from_secs(10);
        assert_eq!(seconds(&mut steps, later, 400_000, 20).last(), Some(&1), "just enough");
        let later = later + Duration::from_secs(100);
        assert_eq!(seconds(&mut steps, later, 600_000, 7), [1, 1, 1, 1, 1, 0, 0]);
    }

    #[test]
    fn a_rate_that_is_low_for_a_moment_changes_nothing() {
        let mut steps = Steps::new(WHOLE);
        let now = Instant::now();
        let due = steps.consider(100_000, now).unwrap();
        assert_eq!(due, now + BEFORE_DOWN);
        assert_eq!(steps.consider(900_000, due - Duration::from_millis(1)), None);
        assert_eq!(steps.consider(100_000, due), Some(due + BEFORE_DOWN));
        assert_eq!(steps.step(), STEPS[0]);
    }

    #[test]
    fn what_is_configured_is_enough_for_the_whole_picture() {
        let mut steps = Steps::new(Whole { bitrate: 100_000, ..WHOLE });
        assert_eq!(seconds(&mut steps, Instant::now(), 100_000, 5), [0; 5]);
    }

    proptest! {
        /// Whatever the rate does, no step is taken sooner than it may be.
        #[test]
        fn no_two_steps_are_nearer_than_they_may_be(rates: Vec<(u32, u16)>) {
            let mut steps = Steps::new(WHOLE);
            let mut now = Instant::now();
            let mut last = (0, now);
            for (rate, millis) in rates {
                now += Duration::from_millis(millis.into());
                steps.consider(rate % 3_000_000, now);
                prop_assert!(steps.at.abs_diff(last.0) <= 1);
                if steps.at != last.0 {
                    prop_assert!(now - last.1 >= BEFORE_DOWN);
                    last = (steps.at, now);
                }
            }
        }
    }
}
