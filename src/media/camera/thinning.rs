// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fewer access units for a path that is too narrow for the stream: a run of them from each keyframe
//! on, for as long as the path has paid for it. No keyframe is asked for: that would cost the others.

/// What one path may be sent. Time is that of the access units.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Thinning {
    /// Bits per second.
    bitrate: u32,
    /// Bits that may still be sent; below zero, what was sent too much.
    credit: i64,
    /// When the credit was reckoned last, nanoseconds.
    at: Option<u64>,
}

impl Thinning {
    /// To this rate, bits per second, from now on; what was sent before counts.
    pub(super) fn set(&mut self, bitrate: u32) {
        self.bitrate = bitrate;
    }

    /// Whether a unit of `bytes` may be sent at `time`, and if so, counts it.
    pub(super) fn pays(&mut self, bytes: usize, time: u64) -> bool {
        let rate = i64::from(self.bitrate);
        let passed = self.at.map_or(0, |at| time.saturating_sub(at) / 1000);
        self.at = Some(time);
        let earned = i64::try_from(passed).unwrap_or(i64::MAX).saturating_mul(rate) / 1_000_000;
        // A second's worth at most: what was saved long ago would fill the path's queue.
        self.credit = self.credit.saturating_add(earned).min(rate);
        let pays = self.credit >= 0;
        if pays {
            self.credit -= i64::try_from(bytes).unwrap_or(i64::MAX / 16) * 8;
        }
        pays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bitrate: u32) -> Thinning {
        let mut thinning = Thinning::default();
        thinning.set(bitrate);
        thinning
    }

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn over_time_a_path_is_sent_what_it_takes() {
        let mut thinning = at(80_000);
        // 30 units a second of 10,000 bits each: 300 kb/s.
        let sent = (0..300).filter(|n| thinning.pays(1250, n * SECOND / 30)).count();
        assert!((79..=82).contains(&sent), "{sent}");
        thinning.set(1_000_000);
        let sent = (300..330).filter(|n| thinning.pays(1250, n * SECOND / 30)).count();
        assert_eq!(sent, 30);
    }

    #[test]
    fn one_large_unit_is_sent_and_paid_for_afterwards() {
        let mut thinning = at(80_000);
        assert!(thinning.pays(20_000, 0));
        assert!(!thinning.pays(1, SECOND));
        assert!(thinning.pays(1, 2 * SECOND));
    }

    #[test]
    fn a_pause_is_worth_a_second_and_time_that_goes_back_nothing() {
        let mut thinning = at(80_000);
        assert!(thinning.pays(0, 0));
        assert!(thinning.pays(10_000, 3600 * SECOND));
        assert!(thinning.pays(1, 3600 * SECOND));
        assert!(!thinning.pays(1, 3600 * SECOND));
        assert!(!thinning.pays(1, 1));
        assert!(!thinning.pays(1, u64::MAX / 2) || thinning.credit <= 80_000);
    }
}
