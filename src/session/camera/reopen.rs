// SPDX-License-Identifier: MIT OR Apache-2.0
//! A camera that fails while viewers watch is opened again, and they stay connected: each gets a
//! new link, and its picture goes on at a keyframe without a new negotiation.
//!
//! One clock runs from the failure on. It is cleared when the camera has delivered for as long as
//! the clock allows, so that a camera that fails again and again is given up, too.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::Camera;
use super::run::{Loss, Opening, Run};
use crate::lifecycle::steps::KILL_DEADLINE;
use crate::lifecycle::{Fault, FaultCode, Step};
use crate::session::status::CameraState;
use crate::wire::CameraCommand;
use crate::wire::link::link_pair;

/// The pause after the first attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause: a camera that is plugged in again is seen within it.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Camera {
    /// Watches over a run until it closes or is given up.
    pub(super) async fn guard(self: Arc<Self>, run: Arc<Run>) {
        let within = self.config.reopen_within;
        let mut clock: Option<(Instant, Instant)> = None; // began, and over since
        loop {
            let opening = run.opening();
            let loss = tokio::select! {
                biased;
                () = run.closing() => return,
                loss = opening.lost() => loss,
            };
            let fault = loss.fault();
            if !self.leases().tell_starting(&loss) || within.is_zero() {
                return self.leases().tell_all(&loss);
            }
            let now = Instant::now();
            let began = match clock {
                Some((began, over)) if over + within > now => began,
                _ => now,
            };
            tracing::warn!(camera = self.config.name, %fault, "camera lost; opening it again");
            let _open = tokio::select! {
                biased;
                () = run.closing() => return,
                held = run.reopening.lock() => held,
            };
            self.interrupted(&run, fault);
            let again = timeout_at(began + within, self.reopen(&run, &opening));
            let reopened = tokio::select! {
                biased;
                () = run.closing() => return,
                reopened = again => reopened,
            };
            if reopened.is_err() {
                let last = run.outage.borrow().clone().unwrap_or_else(|| loss.fault());
                let detail = format!("{}; not back within {within:?}", last.detail);
                let given_up = Fault::new(last.code, detail);
                tracing::error!(camera = self.config.name, fault = %given_up, "camera given up");
                return self.leases().tell_all(&Loss::Failed(given_up));
            }
            tracing::info!(camera = self.config.name, after = ?now.elapsed(), "camera is back");
            clock = Some((began, Instant::now()));
        }
    }

    fn interrupted(&self, run: &Run, fault: Fault) {
        run.outage.send_replace(Some(fault));
        self.become_state(CameraState::Opening);
    }

    /// Tries until it is open, with every viewer on a new link. Cancel-safe: the opening that it
    /// leaves is the run's, and whoever closes the run closes that.
    async fn reopen(&self, run: &Run, failed: &Opening) {
        retire(run, failed).await;
        let mut pause = FIRST_PAUSE;
        while let Err(fault) = self.attempt(run).await {
            tracing::info!(camera = self.config.name, %fault, "camera is not back yet");
            self.interrupted(run, fault);
            retire(run, &run.opening()).await;
            tokio::time::sleep_until(Instant::now() + pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        run.outage.send_replace(None);
        self.become_state(CameraState::Open);
    }

    async fn attempt(&self, run: &Run) -> Result<(), Fault> {
        let opening = run.reopen(self.opening(run.codec)?);
        self.in_time(Step::OpenCamera, opening.opened.clone()).await?;
        let worker = opening.worker().cloned().ok_or_else(|| self.not_open())?;
        self.in_time(Step::CreateSource, opening.streaming(&worker)).await?;
        let watching = self.leases().watching();
        for (session, links) in watching {
            let (camera, peer) = link_pair().map_err(|error| {
                Fault::new(FaultCode::WorkerUnavailable, format!("no socket: {error}"))
            })?;
            let attached = worker.call(CameraCommand::Attach { session }, Some(camera));
            self.in_time(Step::CreateStream, attached).await?;
            // A session that has ended since needs none.
            let _ = links.send(peer);
        }
        self.spares.replenish();
        Ok(())
    }

    async fn in_time<T>(
        &self,
        step: Step,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let deadline = self.deadlines.step(step);
        timeout(deadline, work).await.unwrap_or_else(|_| {
            let detail = format!("{step} was not done after {deadline:?}");
            Err(Fault::new(FaultCode::Late, detail))
        })
    }
}

/// Ends the worker of an opening that failed. One that does not end is found by the oracle of the
/// next attempt, and by whoever closes the run.
async fn retire(run: &Run, opening: &Opening) {
    if let Some(worker) = opening.worker() {
        run.retire(worker);
        worker.kill();
        let _ = timeout(KILL_DEADLINE, worker.reaped()).await;
    }
}
