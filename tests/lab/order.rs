// SPDX-License-Identifier: MIT OR Apache-2.0
//! An order of steps and undos, and how each is waited for: the written one, or a changed one.

use std::time::Duration;

use shutterd::lifecycle::steps::UNDOS;
use shutterd::lifecycle::{CameraOpens, Plan, Role, Step, Undo};

/// What comes between the beginning of a step and the beginning of the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wait {
    /// What the step ends with is seen.
    Event,
    /// So much time passes, whatever has become of the step. Zero: nothing is waited for.
    Interval(Duration),
}

/// An order.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) role: Role,
    pub(crate) start: Vec<(Step, Wait)>,
    pub(crate) end: Vec<(Undo, Wait)>,
    /// Whether descriptions are written from what the board promises of its stream.
    pub(crate) promised: bool,
    /// Whether the viewer is told no address of the device, so that only the device can call first.
    pub(crate) one_sided: bool,
}

impl Order {
    /// As `lifecycle::steps` has it, one step after the other.
    pub(crate) fn written(role: Role) -> Self {
        let plan = Plan::new(role, CameraOpens::BeforeOffer);
        Self {
            role,
            start: plan.order().iter().map(|step| (*step, Wait::Event)).collect(),
            end: UNDOS.iter().map(|row| (row.undo, Wait::Event)).collect(),
            promised: false,
            one_sided: false,
        }
    }

    pub(crate) fn promised(mut self) -> Self {
        self.promised = true;
        self
    }

    pub(crate) fn one_sided(mut self) -> Self {
        self.one_sided = true;
        self
    }

    pub(crate) fn without_step(mut self, at: usize) -> Self {
        self.start.remove(at);
        self
    }

    pub(crate) fn without_undo(mut self, at: usize) -> Self {
        self.end.remove(at);
        self
    }

    /// The step `from` is done as the one of number `to`.
    pub(crate) fn move_step(mut self, from: usize, to: usize) -> Self {
        shift(&mut self.start, from, to);
        self
    }

    pub(crate) fn move_undo(mut self, from: usize, to: usize) -> Self {
        shift(&mut self.end, from, to);
        self
    }

    pub(crate) fn backwards(mut self) -> Self {
        self.end.reverse();
        self
    }

    /// The step `at` is not waited for.
    pub(crate) fn hurry_step(mut self, at: usize) -> Self {
        self.start[at].1 = Wait::Interval(Duration::ZERO);
        self
    }

    pub(crate) fn hurry_undo(mut self, at: usize) -> Self {
        self.end[at].1 = Wait::Interval(Duration::ZERO);
        self
    }

    /// After each step so much time passes, and nothing is waited for.
    pub(crate) fn time_start(mut self, interval: Duration) -> Self {
        self.start.iter_mut().for_each(|(_, wait)| *wait = Wait::Interval(interval));
        self
    }

    pub(crate) fn time_end(mut self, interval: Duration) -> Self {
        self.end.iter_mut().for_each(|(_, wait)| *wait = Wait::Interval(interval));
        self
    }
}

fn shift<T>(list: &mut Vec<T>, from: usize, to: usize) {
    let moved = list.remove(from);
    list.insert(to, moved);
}
