// SPDX-License-Identifier: MIT OR Apache-2.0
//! The gate between link and payloader. Shut, it holds the newest group of pictures, so that a
//! viewer sees something the moment the gate opens; open, it passes what can be decoded.

use std::collections::VecDeque;
use std::time::Duration;

/// An older keyframe is no good to begin with: the viewer would have to catch up.
const HELD_TIME: Duration = Duration::from_millis(500);

/// The most that is held.
const HELD_BYTES: usize = 4 << 20;

/// One encoded access unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unit {
    /// The encoded bytes.
    pub(super) bytes: Vec<u8>,
    /// Decoding can begin here.
    pub(super) keyframe: bool,
    /// `CLOCK_MONOTONIC` of its capture, in nanoseconds.
    pub(super) time: u64,
}

/// The gate of one session.
#[derive(Debug, Default)]
pub(super) struct Gate {
    open: bool,
    /// While shut: a keyframe and all that followed it, or nothing.
    held: VecDeque<Unit>,
    held_bytes: usize,
    /// While open: whether the last unit the viewer got is the one before the next.
    unbroken: bool,
    dropped: u64,
}

impl Gate {
    /// Takes a unit of the link; gives it back when it is to be sent.
    pub(super) fn push(&mut self, unit: Unit) -> Option<Unit> {
        if self.open {
            if unit.keyframe {
                self.unbroken = true;
            }
            if self.unbroken {
                return Some(unit);
            }
            self.dropped += 1;
            return None;
        }
        if unit.keyframe {
            self.forget();
        } else if !self.continues(&unit) {
            self.forget();
            return None;
        }
        self.held_bytes += unit.bytes.len();
        self.held.push_back(unit);
        None
    }

    fn continues(&self, unit: &Unit) -> bool {
        let Some(first) = self.held.front() else { return false };
        Duration::from_nanos(unit.time.saturating_sub(first.time)) <= HELD_TIME
            && self.held_bytes + unit.bytes.len() <= HELD_BYTES
    }

    fn forget(&mut self) {
        self.held.clear();
        self.held_bytes = 0;
    }

    /// Opens. What is held and fresh at `now` is to be sent first; nothing: a keyframe must be
    /// asked for.
    pub(super) fn open(&mut self, now: u64) -> VecDeque<Unit> {
        self.open = true;
        let fresh = self
            .held
            .front()
            .is_some_and(|first| Duration::from_nanos(now.saturating_sub(first.time)) <= HELD_TIME);
        if !fresh {
            self.forget();
        }
        self.held_bytes = 0;
        let held = std::mem::take(&mut self.held);
        self.unbroken = !held.is_empty();
        held
    }

    /// Shuts; what is held is gone.
    pub(super) fn shut(&mut self) {
        self.open = false;
        self.unbroken = false;
        self.forget();
    }

    /// The units from now on do not follow those before: nothing is sent until a keyframe.
    pub(super) fn interrupt(&mut self) {
        self.unbroken = false;
        self.forget();
    }

    /// Units that were left out while open.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn unit(keyframe: bool, ms: u64) -> Unit {
        Unit { bytes: vec![0; 10], keyframe, time: ms * MS }
    }

    #[test]
    fn shut_it_holds_the_newest_group_and_gives_it_when_opened() {
        let mut gate = Gate::default();
        for (key, ms) in [(false, 0), (true, 10), (false, 20), (true, 100), (false, 133)] {
            assert_eq!(gate.push(unit(key, ms)), None);
        }
        let held: Vec<_> = gate.open(140 * MS).into_iter().collect();
        assert_eq!(held, [unit(true, 100), unit(false, 133)]);
        assert_eq!(gate.push(unit(false, 166)), Some(unit(false, 166)));
    }

    #[test]
    fn a_keyframe_too_old_is_not_begun_with() {
        let mut gate = Gate::default();
        gate.push(unit(true, 0));
        assert!(gate.open(501 * MS).is_empty());
        assert_eq!(gate.push(unit(false, 510)), None);
        assert!(gate.push(unit(true, 520)).is_some());
        assert!(gate.push(unit(false, 530)).is_some());
        assert_eq!(gate.dropped(), 1);
    }

    #[test]
    fn a_group_too_long_or_too_large_is_let_go_up_to_the_next_keyframe() {
        let mut gate = Gate::default();
        gate.push(unit(true, 0));
        gate.push(unit(false, 600));
        gate.push(unit(false, 610));
        assert!(gate.open(620 * MS).is_empty());

        let mut gate = Gate::default();
        gate.push(Unit { bytes: vec![0; HELD_BYTES], keyframe: true, time: 0 });
        gate.push(unit(false, 1));
        assert!(gate.open(2 * MS).is_empty());
    }

    #[test]
    fn nothing_passes_once_shut_and_an_interrupted_stream_waits_for_a_keyframe() {
        let mut gate = Gate::default();
        gate.push(unit(true, 0));
        gate.open(0);
        gate.interrupt();
        assert_eq!(gate.push(unit(false, 1)), None);
        assert!(gate.push(unit(true, 2)).is_some());
        gate.shut();
        assert_eq!(gate.push(unit(false, 3)), None);
        assert_eq!(gate.push(unit(true, 4)), None);
        assert_eq!(gate.open(5 * MS).len(), 1);
    }
}
