// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine: `Event → Actions`, with no clock and no I/O.
//!
//! Invariants, each held by `tests/lifecycle.rs` over every path:
//! * a step begins when all that it depends on is done, and not before;
//! * an undo is armed before its step runs, so that a half-done step is undone too;
//! * an undo that fails or is late never stops the ones after it;
//! * the first cause is kept; a stop is never refused and never cancelled;
//! * a worker whose undo failed or was late is killed, once, and what it held is then observed;
//! * nothing starts once stopping has begun, and `Ended` comes exactly once, last.

use super::fault::{Fault, FaultCode};
use super::outcome::{Cause, Outcome, Unclean, UncleanWhy};
use super::plan::{Phase, Plan};
use super::steps::{Step, UNDOS, Undo, Worker};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The session may start. Once.
    Begin,
    /// A step in progress is done.
    Done(Step),
    /// A step in progress failed.
    Failed(Step, Fault),
    /// A step in progress missed its deadline.
    Late(Step),
    /// The session is to end.
    Stop(Cause),
    /// A worker ended by itself.
    Gone(Worker),
    /// The undo in progress is done.
    Undone(Undo),
    /// The undo in progress failed.
    UndoFailed(Undo, Fault),
    /// The undo in progress missed its deadline.
    UndoLate(Undo),
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Begin this step. Whatever it leaves behind is already owed.
    Run(Step),
    /// Begin this undo; abandon every step still in progress.
    Undo(Undo),
    /// Send SIGKILL to this worker. Not waited for: the undo that observes it does.
    Kill(Worker),
    /// Begin this undo again, for its observation alone, within `KILL_DEADLINE`.
    Confirm(Undo),
    /// Over.
    End(Outcome),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    New,
    Starting { done: Vec<Step>, in_progress: Vec<Step> },
    Running,
    Stopping { cause: Cause, current: Undo, confirming: bool },
    Ended,
}

/// One session's machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    plan: Plan,
    state: State,
    owed: Vec<Undo>,
    unclean: Vec<Unclean>,
    killed: Vec<Worker>,
    held: Vec<Worker>,
}

impl Machine {
    /// A machine that will start along `plan`.
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            state: State::New,
            owed: Vec::new(),
            unclean: Vec::new(),
            killed: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Where the session stands.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::New | State::Starting { .. } => Phase::Starting,
            State::Running => Phase::Running,
            State::Stopping { .. } => Phase::Stopping,
            State::Ended => Phase::Ended,
        }
    }

    /// The steps in progress, the one that began first before the others.
    pub fn steps(&self) -> &[Step] {
        match &self.state {
            State::Starting { in_progress, .. } => in_progress,
            _ => &[],
        }
    }

    /// The undo in progress.
    pub fn undo(&self) -> Option<Undo> {
        match self.state {
            State::Stopping { current, .. } => Some(current),
            _ => None,
        }
    }

    /// The undos that are still owed, in the order in which they will run.
    pub fn owed(&self) -> Vec<Undo> {
        UNDOS.iter().map(|row| row.undo).filter(|undo| self.owed.contains(undo)).collect()
    }

    /// Takes one event. An event that does not belong to a step or undo in progress is stale
    /// (it comes from something abandoned) and changes nothing.
    pub fn handle(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::Begin if self.state == State::New => self.advance(Vec::new(), Vec::new()),
            Event::Done(step) => self.done(step),
            Event::Failed(step, fault) if self.steps().contains(&step) => {
                self.stop(Cause::StartFailed { step, fault })
            }
            Event::Late(step) if self.steps().contains(&step) => {
                self.stop(Cause::StartLate { step })
            }
            Event::Stop(cause) => self.stop(cause),
            Event::Gone(worker) => self.gone(worker),
            Event::Undone(undo) if self.undo() == Some(undo) => self.next_undo(),
            Event::UndoFailed(undo, fault) if self.undo() == Some(undo) => {
                self.unclean(UncleanWhy::Failed { fault })
            }
            Event::UndoLate(undo) if self.undo() == Some(undo) => self.unclean(UncleanWhy::Late),
            _ => Vec::new(),
        }
    }

    fn done(&mut self, step: Step) -> Vec<Action> {
        let State::Starting { done, in_progress } = &self.state else { return Vec::new() };
        let (mut done, mut in_progress) = (done.clone(), in_progress.clone());
        let Some(at) = in_progress.iter().position(|begun| *begun == step) else {
            return Vec::new();
        };
        done.push(in_progress.remove(at));
        self.advance(done, in_progress)
    }

    /// Begins what can begin now.
    fn advance(&mut self, done: Vec<Step>, mut in_progress: Vec<Step>) -> Vec<Action> {
        if done.len() == self.plan.order().len() {
            self.state = State::Running;
            return Vec::new();
        }
        let ready = self.plan.ready(&done, &in_progress);
        for step in &ready {
            self.owed.extend(step.row().owes);
        }
        in_progress.extend(&ready);
        self.state = State::Starting { done, in_progress };
        ready.into_iter().map(Action::Run).collect()
    }

    /// Begins the teardown, unless it has begun: the first cause is the cause.
    fn stop(&mut self, cause: Cause) -> Vec<Action> {
        match self.state {
            State::New | State::Starting { .. } | State::Running => self.pop_undo(cause),
            State::Stopping { .. } | State::Ended => Vec::new(),
        }
    }

    fn gone(&mut self, worker: Worker) -> Vec<Action> {
        // A worker that ended cannot be killed any more.
        let first = !self.killed.contains(&worker);
        if first {
            self.killed.push(worker);
        }
        let fault =
            || Fault::new(FaultCode::WorkerGone, format!("{worker:?} worker ended").to_lowercase());
        match self.state {
            State::Starting { ref in_progress, .. } => {
                let hit = in_progress.iter().find(|step| step.row().place.needs(worker));
                match hit.copied() {
                    Some(step) => self.stop(Cause::StartFailed { step, fault: fault() }),
                    None => self.stop(Cause::Lost { fault: fault() }),
                }
            }
            State::New | State::Running => self.stop(Cause::Lost { fault: fault() }),
            // After our own kill the end is what the undo waits for, not a failure of it.
            State::Stopping { current, .. } if first && current.row().worker == worker => {
                self.unclean(UncleanWhy::WorkerGone)
            }
            State::Stopping { .. } | State::Ended => Vec::new(),
        }
    }

    /// The undo in progress did not go well: kill its worker, and see that it is gone.
    fn unclean(&mut self, why: UncleanWhy) -> Vec<Action> {
        let State::Stopping { ref cause, current, confirming } = self.state else {
            return Vec::new();
        };
        let row = current.row();
        if confirming {
            self.held.push(row.worker);
            return self.next_undo();
        }
        self.unclean.push(Unclean { undo: current, why });
        let mut actions = Vec::new();
        if !self.killed.contains(&row.worker) {
            self.killed.push(row.worker);
            actions.push(Action::Kill(row.worker));
        }
        if row.observes {
            self.state = State::Stopping { cause: cause.clone(), current, confirming: true };
            actions.push(Action::Confirm(current));
        } else {
            actions.extend(self.next_undo());
        }
        actions
    }

    fn next_undo(&mut self) -> Vec<Action> {
        match &self.state {
            State::Stopping { cause, .. } => self.pop_undo(cause.clone()),
            _ => Vec::new(),
        }
    }

    fn pop_undo(&mut self, cause: Cause) -> Vec<Action> {
        match self.owed().first() {
            Some(&current) => {
                self.owed.retain(|undo| *undo != current);
                self.state = State::Stopping { cause, current, confirming: false };
                vec![Action::Undo(current)]
            }
            None => {
                self.state = State::Ended;
                let (unclean, held) = (self.unclean.clone(), self.held.clone());
                vec![Action::End(Outcome { cause, unclean, held })]
            }
        }
    }
}
