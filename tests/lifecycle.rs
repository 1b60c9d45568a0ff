// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every path of the machine: every step × {done, failed, late, stop asked, worker gone} × every
//! result of the undos that are then owed, for both roles and each setting of `camera-opens`, in every
//! order in which steps that run beside each other can come to their ends, with and without other
//! holders of the camera.
//!
//! The walk keeps its own books (`Books`), written from the design and not from the machine, and
//! holds the machine's actions against them. `make mutants` plants faults in the machine and shows
//! that each is caught here.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::collections::{BTreeSet, HashSet};

use shutterd::lifecycle::{
    Action, CameraOpens, Cause, Event, Fault, FaultCode, Machine, Outcome, Phase, Plan, Role, Step,
    StopReason, Unclean, UncleanWhy, Undo, Worker,
};

use design::{END, after, observes, owes, worker_of};

#[path = "lifecycle/design.rs"]
mod design;

fn fault(code: FaultCode) -> Fault {
    Fault::new(code, "planted")
}

/// One point of the walk: the machine, and what must come of it.
#[derive(Clone)]
struct Books {
    machine: Machine,
    /// The undos that the steps begun so far owe, in the order of the end.
    owed: Vec<Undo>,
    /// Workers that are dead: gone or killed.
    dead: Vec<Worker>,
    unclean: Vec<Unclean>,
    held: Vec<Worker>,
    cause: Option<Cause>,
    /// Whether other sessions hold the camera: then its undos only give a lease back.
    others: bool,
    trail: Vec<&'static str>,
}

struct Walk {
    plan: Plan,
    paths: u64,
    /// The points of the start that have been walked from: the steps done, and those in progress.
    seen: HashSet<(BTreeSet<Step>, Vec<Step>)>,
}

impl Books {
    fn wrong(&self, what: &str, actions: &[Action]) -> ! {
        panic!("{what}\n  got {actions:?}\n  after {:?}\n  of {:?}", self.trail, self.machine);
    }

    fn arm(&mut self, step: Step) {
        let armed: Vec<Undo> = owes(step).iter().chain(&self.owed).copied().collect();
        self.owed = END.iter().map(|(undo, _)| *undo).filter(|u| armed.contains(u)).collect();
    }

    /// Takes the machine's word for nothing: `actions` must be the beginning of the teardown.
    fn expect_teardown(mut self, mut actions: Vec<Action>, walk: &mut Walk) {
        if let Some(Action::Kill(worker)) = actions.first() {
            let worker = *worker;
            if self.dead.contains(&worker) {
                self.wrong("kills a dead worker", &actions);
            }
            if self.others && worker == Worker::Camera {
                self.wrong("kills a camera that others hold", &actions);
            }
            self.wrong_unless_last_unclean_is_of(worker, &actions);
            self.dead.push(worker);
            actions.remove(0);
        }
        match (self.owed.first().copied(), actions.as_slice()) {
            (Some(owed), [Action::Undo(undo)]) if *undo == owed => {
                self.owed.remove(0);
                self.walk_undo(owed, false, walk);
            }
            (None, [Action::End(outcome)]) => {
                let expected = Outcome {
                    cause: self.cause.clone().unwrap(),
                    unclean: self.unclean.clone(),
                    held: self.held.clone(),
                };
                if *outcome != expected {
                    self.wrong(&format!("outcome is not {expected:?}"), &actions);
                }
                assert_eq!(self.machine.phase(), Phase::Ended);
                for event in [Event::Stop(expected.cause), Event::Gone(Worker::Peer), Event::Begin]
                {
                    assert_eq!(self.machine.handle(event), [], "speaks after its end");
                }
                walk.paths += 1;
            }
            (owed, _) => self.wrong(&format!("expected the undo {owed:?}"), &actions),
        }
    }

    fn wrong_unless_last_unclean_is_of(&self, worker: Worker, actions: &[Action]) {
        if self.unclean.last().is_none_or(|last| worker_of(last.undo) != worker) {
            self.wrong("kills a worker whose undo went well", actions);
        }
    }

    fn walk_undo(self, undo: Undo, confirming: bool, walk: &mut Walk) {
        assert_eq!(self.machine.phase(), Phase::Stopping);
        assert_eq!(self.machine.undo(), Some(undo));
        self.assert_deaf_while_stopping(&walk.plan);
        let worker = worker_of(undo);
        let kept = self.others && worker == Worker::Camera;

        let mut done = self.clone();
        done.trail.push("undone");
        let actions = done.machine.handle(Event::Undone(undo));
        done.expect_teardown(actions, walk);

        let mut results = Vec::new();
        if !kept {
            let failed = fault(FaultCode::CameraError);
            results.push((
                "undo failed",
                Event::UndoFailed(undo, failed.clone()),
                UncleanWhy::Failed { fault: failed },
            ));
            results.push(("undo late", Event::UndoLate(undo), UncleanWhy::Late));
        }
        if !kept && !self.dead.contains(&worker) {
            results.push(("worker gone in undo", Event::Gone(worker), UncleanWhy::WorkerGone));
        }
        for (name, event, why) in results {
            let mut next = self.clone();
            next.trail.push(name);
            let gone = matches!(event, Event::Gone(_));
            let actions = next.machine.handle(event);
            if gone {
                next.dead.push(worker);
            }
            if confirming {
                next.held.push(worker);
                next.expect_teardown(actions, walk);
                continue;
            }
            next.unclean.push(Unclean { undo, why });
            let must_kill = !next.dead.contains(&worker);
            if must_kill != (actions.first() == Some(&Action::Kill(worker))) {
                next.wrong("an unclean undo kills its worker, once", &actions);
            }
            if observes(undo) {
                if actions.last() != Some(&Action::Confirm(undo)) {
                    next.wrong("what was killed must be observed", &actions);
                }
                if must_kill {
                    next.dead.push(worker);
                }
                next.walk_undo(undo, true, walk);
            } else {
                next.expect_teardown(actions, walk);
            }
        }

        // The other worker may end at any time: that is no business of this undo.
        let other = if worker == Worker::Camera { Worker::Peer } else { Worker::Camera };
        if !self.dead.contains(&other) {
            let mut next = self.clone();
            next.trail.push("other worker gone");
            let actions = next.machine.handle(Event::Gone(other));
            if !actions.is_empty() {
                next.wrong("another worker's end is not this undo's", &actions);
            }
            next.dead.push(other);
            next.walk_undo(undo, confirming, walk);
        }
    }

    /// No stop, step or foreign undo changes anything once stopping has begun.
    fn assert_deaf_while_stopping(&self, plan: &Plan) {
        let mut machine = self.machine.clone();
        let stale = fault(FaultCode::CameraError);
        let mut events = vec![Event::Begin, Event::Stop(Cause::Lost { fault: stale.clone() })];
        for step in plan.order() {
            events.push(Event::Done(*step));
            events.push(Event::Failed(*step, stale.clone()));
            events.push(Event::Late(*step));
        }
        for (undo, _) in END.into_iter().filter(|(undo, _)| Some(*undo) != self.machine.undo()) {
            events.push(Event::Undone(undo));
            events.push(Event::UndoFailed(undo, stale.clone()));
            events.push(Event::UndoLate(undo));
        }
        for event in events {
            let actions = machine.handle(event);
            if !actions.is_empty() || machine != self.machine {
                self.wrong("a stale event was heard", &actions);
            }
        }
    }

    /// Every way in which a session can be ended now.
    fn walk_ends(&self, in_progress: &[Step], walk: &mut Walk) {
        let planted = fault(FaultCode::NoFrames);
        let mut ends = vec![
            (
                "stop asked",
                Event::Stop(Cause::Requested { by: StopReason::Api }),
                Cause::Requested { by: StopReason::Api },
                None,
            ),
            (
                "lost",
                Event::Stop(Cause::Lost { fault: planted.clone() }),
                Cause::Lost { fault: planted.clone() },
                None,
            ),
        ];
        for &step in in_progress {
            ends.push((
                "step failed",
                Event::Failed(step, planted.clone()),
                Cause::StartFailed { step, fault: planted.clone() },
                None,
            ));
            ends.push(("step late", Event::Late(step), Cause::StartLate { step }, None));
        }
        for (worker, name) in [(Worker::Camera, "camera"), (Worker::Peer, "peer")] {
            let gone = Fault::new(FaultCode::WorkerGone, format!("{name} worker ended"));
            let hit = in_progress.iter().find(|step| step.row().place.needs(worker));
            let cause = match hit {
                Some(&step) => Cause::StartFailed { step, fault: gone },
                None => Cause::Lost { fault: gone },
            };
            ends.push(("worker gone", Event::Gone(worker), cause, Some(worker)));
        }
        for (name, event, cause, dead) in ends {
            let mut next = self.clone();
            next.trail.push(name);
            next.cause = Some(cause);
            next.dead.extend(dead);
            let actions = next.machine.handle(event);
            next.expect_teardown(actions, walk);
        }
    }
}

impl Books {
    /// From here to where everything runs, whichever step in progress is done next. `actions` are
    /// what the last of them brought about.
    fn walk_start(
        mut self,
        done: &BTreeSet<Step>,
        mut in_progress: Vec<Step>,
        actions: Vec<Action>,
        walk: &mut Walk,
    ) {
        let begun = |step: &&Step| done.contains(*step) || in_progress.contains(*step);
        let free = |step: &&Step| after(**step, &walk.plan).iter().all(|s| done.contains(s));
        let next: Vec<Step> =
            walk.plan.order().iter().filter(|s| !begun(s)).filter(free).copied().collect();
        let run: HashSet<Step> = actions
            .iter()
            .map(|action| match action {
                Action::Run(step) => *step,
                _ => self.wrong("something else than a step begins", &actions),
            })
            .collect();
        if run.len() != actions.len() || run != next.iter().copied().collect() {
            self.wrong(&format!("{next:?} may begin now"), &actions);
        }
        // In the order in which the machine began them: which of them a worker's end is laid to.
        for action in &actions {
            let Action::Run(step) = action else { continue };
            in_progress.push(*step);
            // Owed from the moment the step is asked for: it may fail half done.
            self.arm(*step);
        }
        assert_eq!(self.machine.owed(), self.owed, "armed late: {in_progress:?}");
        if in_progress.is_empty() {
            assert_eq!(self.machine.phase(), Phase::Running);
            assert_eq!(done.len(), 12);
            assert_eq!(self.owed.len(), 7, "a running session owes every undo");
            return self.walk_ends(&[], walk);
        }
        assert_eq!(self.machine.phase(), Phase::Starting);
        assert_eq!(self.machine.steps(), in_progress);
        self.assert_deaf_to_others(&in_progress, &walk.plan);
        if !walk.seen.insert((done.clone(), in_progress.clone())) {
            return;
        }
        self.walk_ends(&in_progress, walk);
        for at in 0..in_progress.len() {
            let (mut next, mut done, mut others) =
                (self.clone(), done.clone(), in_progress.clone());
            let step = others.remove(at);
            next.trail.push(step.name());
            done.insert(step);
            let actions = next.machine.handle(Event::Done(step));
            next.walk_start(&done, others, actions, walk);
        }
    }

    /// A step that is not in progress, having ended or not begun, is nobody's news.
    fn assert_deaf_to_others(&self, in_progress: &[Step], plan: &Plan) {
        let mut machine = self.machine.clone();
        for step in plan.order().iter().filter(|step| !in_progress.contains(step)) {
            let stale = fault(FaultCode::CameraError);
            for event in [Event::Done(*step), Event::Failed(*step, stale), Event::Late(*step)] {
                let actions = machine.handle(event);
                if !actions.is_empty() || machine != self.machine {
                    self.wrong("a stale step was heard", &actions);
                }
            }
        }
    }
}

fn walk(role: Role, camera_opens: CameraOpens, others: bool) -> u64 {
    let plan = Plan::new(role, camera_opens);
    let mut walk = Walk { plan: plan.clone(), paths: 0, seen: HashSet::new() };
    let mut books = Books {
        machine: Machine::new(plan),
        owed: Vec::new(),
        dead: Vec::new(),
        unclean: Vec::new(),
        held: Vec::new(),
        cause: None,
        others,
        trail: Vec::new(),
    };
    // A stop that comes before anything began owes nothing, and ends at once.
    let mut early = books.clone();
    early.cause = Some(Cause::Requested { by: StopReason::Shutdown });
    let actions = early.machine.handle(Event::Stop(early.cause.clone().unwrap()));
    early.expect_teardown(actions, &mut walk);

    let actions = books.machine.handle(Event::Begin);
    books.walk_start(&BTreeSet::new(), Vec::new(), actions, &mut walk);
    walk.paths
}

// Failure modes: N6.
#[test]
fn every_path_of_every_plan() {
    let mut total = 0;
    for role in [Role::Offerer, Role::Answerer] {
        for camera_opens in CameraOpens::ALL {
            for others in [false, true] {
                let paths = walk(role, camera_opens, others);
                println!("{role:?} {camera_opens:?} others={others}: {paths} paths");
                total += paths;
            }
        }
    }
    println!("{total} paths");
    assert!(total > 100_000, "the walk has become smaller: {total}");
}

// Failure modes: N12.
#[test]
fn the_written_order_is_the_users() {
    let names = |role| {
        let plan = Plan::new(role, CameraOpens::BeforeOffer);
        plan.order().iter().map(|step| step.name()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        names(Role::Offerer),
        "create-peer open-camera create-source create-stream add-tracks create-data-channel \
         create-offer await-answer set-remote-answer add-candidates await-connected enable-tracks"
    );
    assert_eq!(
        names(Role::Answerer),
        "create-peer open-camera create-source create-stream add-tracks create-data-channel \
         set-remote-offer create-answer send-answer add-candidates await-connected enable-tracks"
    );
}
