// SPDX-License-Identifier: MIT OR Apache-2.0
//! The driver: does what the machine says, with a deadline on each step and each undo, and tells
//! it what came of it. One task per session runs this and nothing else does.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::timeline::{Done, StepResult, Timeline};
use crate::config::Deadlines;
use crate::lifecycle::steps::KILL_DEADLINE;
use crate::lifecycle::{
    Action, Cause, Event, Fault, Machine, Outcome, Phase, Plan, Step, StopReason, Undo, Worker,
};

/// What executes the steps. The driver drops a step's future when the teardown begins, and an
/// undo's when it is late: whatever they left half done, the undos must accept.
pub trait Stage: Send + Sync {
    /// Does a start step.
    fn run(&self, step: Step) -> impl Future<Output = Result<Done, Fault>> + Send;

    /// Undoes. Idempotent; accepts a half-done step. When `confirming`, the worker has been killed
    /// and only the observation that it is gone is wanted.
    fn undo(
        &self,
        undo: Undo,
        confirming: bool,
    ) -> impl Future<Output = Result<Done, Fault>> + Send;

    /// Sends SIGKILL to the worker, and returns at once.
    fn kill(&self, worker: Worker);

    /// Where the session stands now, for whoever watches.
    fn publish(&self, phase: Phase, step: Option<&'static str>);
}

/// How long things may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Each step and undo.
    pub deadlines: Deadlines,
    /// The whole session.
    pub max_duration: Option<Duration>,
}

type Work<'a> = Pin<Box<dyn Future<Output = (Event, StepResult, Done)> + Send + 'a>>;

/// Drives one session from its first step until nothing is owed. Always returns; what comes on
/// `events` is heard at every await point. Not cancel-safe: to end a session, send a stop.
pub async fn drive(
    stage: &impl Stage,
    plan: Plan,
    limits: &Limits,
    timeline: &Mutex<Timeline>,
    events: &mut mpsc::UnboundedReceiver<Event>,
) -> Outcome {
    let mut machine = Machine::new(plan);
    let mut actions = machine.handle(Event::Begin);
    let mut work: Option<Work<'_>> = None;
    let mut time_is_up: Option<Work<'_>> = limits.max_duration.map(time_limit);
    loop {
        for action in std::mem::take(&mut actions) {
            match action {
                Action::Run(step) => {
                    record(timeline).step(step);
                    work = Some(Box::pin(run(stage, step, limits.deadlines.step(step))));
                }
                Action::Undo(undo) => {
                    let deadline = limits.deadlines.undo(undo);
                    work = Some(Box::pin(undone(stage, undo, false, deadline)));
                    record(timeline).undo(undo);
                }
                Action::Confirm(undo) => {
                    record(timeline).undo(undo);
                    work = Some(Box::pin(undone(stage, undo, true, KILL_DEADLINE)));
                }
                Action::Kill(worker) => {
                    tracing::warn!(?worker, "worker is killed");
                    stage.kill(worker);
                }
                Action::End(outcome) => return outcome,
            }
        }
        let in_progress = machine.step().map(Step::name).or(machine.undo().map(Undo::name));
        stage.publish(machine.phase(), in_progress);
        let event = tokio::select! {
            biased;
            // A stop wins over whatever has just been done. The sender outlives the session.
            Some(event) = events.recv() => event,
            (event, result, done) = pending_or(&mut work) => {
                work = None;
                log(in_progress, result, &done);
                record(timeline).end(result, done);
                event
            }
            (event, ..) = pending_or(&mut time_is_up) => {
                time_is_up = None;
                event
            }
        };
        actions = machine.handle(event);
    }
}

fn record(timeline: &Mutex<Timeline>) -> std::sync::MutexGuard<'_, Timeline> {
    timeline.lock().unwrap_or_else(PoisonError::into_inner)
}

fn log(step: Option<&str>, result: StepResult, done: &Done) {
    let (step, note) = (step.unwrap_or_default(), done.note.as_deref().unwrap_or_default());
    match result {
        StepResult::Done => tracing::debug!(step, note, "done"),
        result => tracing::warn!(step, ?result, note, "not done"),
    }
}

async fn pending_or(work: &mut Option<Work<'_>>) -> (Event, StepResult, Done) {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

fn time_limit<'a>(limit: Duration) -> Work<'a> {
    Box::pin(async move {
        let _ = timeout(limit, std::future::pending::<()>()).await;
        let cause = Cause::Requested { by: StopReason::TimeLimit };
        (Event::Stop(cause), StepResult::Late, Done::default())
    })
}

async fn run(stage: &impl Stage, step: Step, deadline: Duration) -> (Event, StepResult, Done) {
    match timeout(deadline, stage.run(step)).await {
        Ok(Ok(done)) => (Event::Done(step), StepResult::Done, done),
        Ok(Err(fault)) => {
            let note = Done::noted(fault.to_string());
            (Event::Failed(step, fault), StepResult::Failed, note)
        }
        Err(_) => (Event::Late(step), StepResult::Late, missed(deadline)),
    }
}

async fn undone(
    stage: &impl Stage,
    undo: Undo,
    confirming: bool,
    deadline: Duration,
) -> (Event, StepResult, Done) {
    match timeout(deadline, stage.undo(undo, confirming)).await {
        Ok(Ok(done)) => (Event::Undone(undo), StepResult::Done, done),
        Ok(Err(fault)) => {
            let note = Done::noted(fault.to_string());
            (Event::UndoFailed(undo, fault), StepResult::Failed, note)
        }
        Err(_) => (Event::UndoLate(undo), StepResult::Late, missed(deadline)),
    }
}

fn missed(deadline: Duration) -> Done {
    Done::noted(format!("not done after {} ms", deadline.as_millis()))
}
