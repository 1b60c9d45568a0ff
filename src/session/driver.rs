// SPDX-License-Identifier: MIT OR Apache-2.0
//! The driver: does what the machine says, with a deadline on each step and each undo, and tells
//! it what came of it. One task per session runs this and nothing else does.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::timeline::{Done, StepResult, Timeline};
use crate::config::Deadlines;
use crate::lifecycle::steps::KILL_DEADLINE;
use crate::lifecycle::{
    Action, Cause, Event, Fault, Machine, Outcome, Phase, Plan, Step, StopReason, Undo, Worker,
};
#[cfg(feature = "faults")]
use crate::{wire::planted::When, worker::planted};

/// What executes the steps, several at a time where the plan has two lanes. The driver drops their
/// futures when the teardown begins, and an
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

type Work<'a> = Pin<Box<dyn Future<Output = Ended> + Send + 'a>>;

/// What came of a step or an undo.
struct Ended {
    name: &'static str,
    event: Event,
    result: StepResult,
    done: Done,
}

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
    let mut work = FuturesUnordered::<Work<'_>>::new();
    let mut time_is_up = std::pin::pin!(time_limit(limits.max_duration));
    let mut time_is_over = false;
    loop {
        for action in std::mem::take(&mut actions) {
            match action {
                Action::Run(step) => {
                    record(timeline).step(step);
                    work.push(Box::pin(run(stage, step, limits.deadlines.step(step))));
                }
                Action::Undo(undo) => {
                    work.clear();
                    record(timeline).undo(undo);
                    let deadline = limits.deadlines.undo(undo);
                    work.push(Box::pin(undone(stage, undo, false, deadline)));
                }
                Action::Confirm(undo) => {
                    record(timeline).undo(undo);
                    work.push(Box::pin(undone(stage, undo, true, KILL_DEADLINE)));
                }
                Action::Kill(worker) => {
                    tracing::warn!(?worker, "worker is killed");
                    stage.kill(worker);
                }
                Action::End(outcome) => return outcome,
            }
        }
        let step = machine.steps().first().map(|step| step.name());
        let in_progress = step.or(machine.undo().map(Undo::name));
        stage.publish(machine.phase(), in_progress);
        let event = tokio::select! {
            biased;
            // A stop wins over whatever has just been done. The sender outlives the session.
            Some(event) = events.recv() => event,
            Some(Ended { name, event, result, done }) = work.next() => {
                log(name, result, &done);
                record(timeline).end(name, result, done);
                event
            }
            () = &mut time_is_up, if !time_is_over => {
                time_is_over = true;
                Event::Stop(Cause::Requested { by: StopReason::TimeLimit })
            }
        };
        actions = machine.handle(event);
    }
}

fn record(timeline: &Mutex<Timeline>) -> std::sync::MutexGuard<'_, Timeline> {
    timeline.lock().unwrap_or_else(PoisonError::into_inner)
}

fn log(step: &str, result: StepResult, done: &Done) {
    let note = done.note.as_deref().unwrap_or_default();
    match result {
        StepResult::Done => tracing::debug!(step, note, "done"),
        result => tracing::warn!(step, ?result, note, "not done"),
    }
}

/// Done when the session has run for as long as it may.
async fn time_limit(limit: Option<Duration>) {
    let forever = std::future::pending::<()>();
    match limit {
        Some(limit) => drop(timeout(limit, forever).await),
        None => forever.await,
    }
}

async fn run(stage: &impl Stage, step: Step, deadline: Duration) -> Ended {
    let (event, result, done) = match timeout(deadline, step_of(stage, step)).await {
        Ok(Ok(done)) => (Event::Done(step), StepResult::Done, done),
        Ok(Err(fault)) => {
            let note = Done::noted(fault.to_string());
            (Event::Failed(step, fault), StepResult::Failed, note)
        }
        Err(_) => (Event::Late(step), StepResult::Late, missed(deadline)),
    };
    Ended { name: step.name(), event, result, done }
}

async fn undone(stage: &impl Stage, undo: Undo, confirming: bool, deadline: Duration) -> Ended {
    let (event, result, done) = match timeout(deadline, undo_of(stage, undo, confirming)).await {
        Ok(Ok(done)) => (Event::Undone(undo), StepResult::Done, done),
        Ok(Err(fault)) => {
            let note = Done::noted(fault.to_string());
            (Event::UndoFailed(undo, fault), StepResult::Failed, note)
        }
        Err(_) => (Event::UndoLate(undo), StepResult::Late, missed(deadline)),
    };
    Ended { name: undo.name(), event, result, done }
}

async fn step_of(stage: &impl Stage, step: Step) -> Result<Done, Fault> {
    #[cfg(feature = "faults")]
    planted::hit(step.name(), When::Before).await?;
    let done = stage.run(step).await?;
    #[cfg(feature = "faults")]
    planted::hit(step.name(), When::After).await?;
    Ok(done)
}

async fn undo_of(stage: &impl Stage, undo: Undo, confirming: bool) -> Result<Done, Fault> {
    #[cfg(feature = "faults")]
    if !confirming {
        planted::hit(undo.name(), When::Before).await?;
    }
    stage.undo(undo, confirming).await
}

fn missed(deadline: Duration) -> Done {
    Done::noted(format!("not done after {} ms", deadline.as_millis()))
}
