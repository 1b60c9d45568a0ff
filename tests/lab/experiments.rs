// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is tried: the written order, and every change of it that answers one of the three questions.

use std::time::Duration;

use shutterd::lifecycle::{Role, Step};

use crate::order::Order;
use crate::trial::{Stop, Successor, Trial};

/// In the place of every event of a start, milliseconds.
const START_INTERVALS: [u64; 9] = [0, 1, 2, 5, 10, 20, 50, 100, 200];
/// In the place of every event of an end, milliseconds.
const END_INTERVALS: [u64; 8] = [0, 1, 2, 5, 10, 20, 50, 100];

fn trial(experiment: &'static str, variant: impl Into<String>, order: Order) -> Trial {
    let (stop, successor) = (Stop::Watching, Successor::Observed);
    Trial { experiment, variant: variant.into(), order, stop, successor }
}

/// Every trial. Their names are those of steps, and of places from 1 on.
pub(crate) fn all() -> Vec<Trial> {
    let mut trials = Vec::new();
    for role in [Role::Offerer, Role::Answerer] {
        let written = Order::written(role);
        trials.push(trial("as-written", "", written.clone()));
        trials.push(trial("as-written", "promised", written.clone().promised()));
        for (at, (step, _)) in written.start.iter().enumerate() {
            trials.push(trial("step-left-out", step.name(), written.clone().without_step(at)));
            trials.push(trial("step-not-awaited", step.name(), written.clone().hurry_step(at)));
        }
        for interval in START_INTERVALS {
            let order = written.clone().time_start(Duration::from_millis(interval));
            trials.push(trial("start-by-the-clock", interval.to_string(), order));
        }
        let anywhere = trial("stopped-anywhere", "", written);
        trials.push(Trial { stop: Stop::Anywhere, ..anywhere });
    }
    let written = Order::written(Role::Offerer);
    let mut moves: Vec<_> = (0..written.start.len())
        .flat_map(|from| (0..written.start.len()).map(move |to| (from, to)))
        .filter(|(from, to)| from != to)
        .collect();
    // Neighbours first, once each: a run that is cut short has those.
    moves.sort_by_key(|(from, to)| (from.abs_diff(*to), from > to));
    for (from, to) in moves {
        let variant = format!("{} {}", written.start[from].0.name(), to + 1);
        trials.push(trial("step-moved", variant, written.clone().move_step(from, to)));
    }
    trials.extend(called_by_the_device());
    trials.extend(described_before_the_camera(&written));
    trials.extend(ends(&written));
    trials
}

/// On one machine a viewer reaches the device, and the device learns from that where the viewer is:
/// with the addresses of the device kept from the viewer, candidates count.
fn called_by_the_device() -> Vec<Trial> {
    let mut trials = Vec::new();
    for role in [Role::Offerer, Role::Answerer] {
        let order = Order::written(role).one_sided();
        let place = |of: Step| order.start.iter().position(|(step, _)| *step == of);
        let at = place(Step::AddCandidates).expect("every order has it");
        let remote = place(Step::SetRemoteAnswer).or(place(Step::SetRemoteOffer));
        let before = order.clone().move_step(at, remote.expect("every order has one"));
        trials.extend([
            trial("one-sided", "as written", order.clone()),
            trial("one-sided", "add-candidates left out", order.clone().without_step(at)),
            trial("one-sided", "add-candidates before the viewer's description", before),
            trial(
                "one-sided",
                "await-connected before add-candidates",
                order.move_step(at, at + 1),
            ),
        ]);
    }
    trials
}

/// With what the board promises of its stream, the description does not wait for it.
fn described_before_the_camera(written: &Order) -> impl Iterator<Item = Trial> {
    let at = written.start.iter().position(|(step, _)| *step == Step::CreateStream);
    let from = at.expect("every order has it");
    (from + 1..written.start.len()).map(move |to| {
        let order = written.clone().promised().move_step(from, to);
        trial("step-moved-promised", format!("create-stream {}", to + 1), order)
    })
}

/// The step moved by one place is the swap of two neighbours: no experiment of its own.
fn ends(written: &Order) -> Vec<Trial> {
    let mut trials = Vec::new();
    let last = written.end.len() - 1;
    for (at, (undo, _)) in written.end.iter().enumerate() {
        let hasty = trial("undo-not-awaited", undo.name(), written.clone().hurry_undo(at));
        trials.push(trial("undo-left-out", undo.name(), written.clone().without_undo(at)));
        trials.push(Trial { successor: Successor::AtOnce, ..hasty });
        for to in (0..=last).filter(|to| *to != at) {
            let variant = format!("{} {}", undo.name(), to + 1);
            trials.push(trial("undo-moved", variant, written.clone().move_undo(at, to)));
        }
    }
    trials.push(trial("end-backwards", "", written.clone().backwards()));
    for interval in END_INTERVALS {
        let order = written.clone().time_end(Duration::from_millis(interval));
        let timed = trial("end-by-the-clock", interval.to_string(), order);
        trials.push(Trial { successor: Successor::AtOnce, ..timed });
    }
    let at_once = trial("end-by-events", "", written.clone());
    trials.push(Trial { successor: Successor::AtOnce, ..at_once });
    trials
}
