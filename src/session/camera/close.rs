// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way out: the last lease given back closes the camera, and the oracle says when it is closed.

use std::sync::Arc;
use std::time::Duration;

use super::leases::GivenBack;
use super::run::Run;
use super::{Camera, counted};
use crate::lifecycle::Fault;
use crate::session::status::CameraState;
use crate::session::timeline::Done;
use crate::wire::{CameraCommand, SessionId};

/// For LED and sensor to follow the last close: within the deadline of `close-camera`.
pub(super) const CLOSED_WITHIN: Duration = Duration::from_millis(400);

impl Camera {
    /// `destroy-source`: gives the lease back; the last one stops the capture.
    ///
    /// # Errors
    /// What the worker says.
    pub async fn destroy_source(&self, session: SessionId) -> Result<Done, Fault> {
        self.if_last(session, CameraCommand::DestroySource).await
    }

    /// `await-capture-stopped`.
    ///
    /// # Errors
    /// What the worker says.
    pub async fn await_capture_stopped(&self, session: SessionId) -> Result<Done, Fault> {
        self.if_last(session, CameraCommand::AwaitCaptureStopped).await
    }

    /// `close-camera`: done when the worker is reaped and the oracle sees the node free. When
    /// `confirming`, the worker has been killed and is only observed.
    ///
    /// # Errors
    /// What the worker says; `camera-wedged` when something still holds the node.
    pub async fn close(&self, session: SessionId, confirming: bool) -> Result<Done, Fault> {
        let run = match self.give_back(session) {
            GivenBack::Kept(others) => return Ok(kept_for(others)),
            GivenBack::Last(run) => run,
        };
        let _closed = run.reopening.lock().await;
        let (worker, retired) = (run.worker(), run.retired());
        if worker.is_none() && retired.is_none() {
            // Refused before a worker was taken: whoever holds it, we never did.
            self.closed(&run);
            return Ok(Done::noted("nothing was opened"));
        }
        let mut note = "its worker had ended".to_owned();
        if let Some(worker) = worker {
            if !confirming && !worker.is_ending() {
                worker.call(CameraCommand::CloseCamera, None).await?;
            }
            let exit = worker.reaped().await;
            note = format!("worker {} ended, {exit}", worker.pid());
        }
        for worker in retired.into_iter().flatten() {
            worker.reaped().await;
        }
        let seen = self.shutter.await_closed(CLOSED_WITHIN).await;
        if !seen.is_closed() {
            return Err(self.wedged_by(&seen, None));
        }
        self.closed(&run);
        Ok(Done::noted(note))
    }

    /// Kills the worker, if `session` is the one that closes the camera: one session's trouble is
    /// not the others'.
    pub fn kill(&self, session: SessionId) {
        if let GivenBack::Last(run) = self.give_back(session)
            && let Some(worker) = run.worker()
        {
            worker.kill();
        }
    }

    pub(super) fn closed(&self, run: &Arc<Run>) {
        let mut leases = self.leases();
        if leases.run.as_ref().is_some_and(|now| Arc::ptr_eq(now, run)) {
            leases.run = None;
            drop(leases);
            self.become_state(CameraState::Closed);
        }
    }

    async fn if_last(&self, session: SessionId, command: CameraCommand) -> Result<Done, Fault> {
        match self.give_back(session) {
            GivenBack::Kept(others) => Ok(kept_for(others)),
            GivenBack::Last(run) => {
                let _closed = run.reopening.lock().await;
                match run.worker() {
                    Some(worker) if !worker.is_ending() => {
                        worker.call(command, None).await?;
                        Ok(Done::default())
                    }
                    Some(_) => Ok(Done::noted("the worker is gone")),
                    None => Ok(Done::noted("nothing was opened")),
                }
            }
        }
    }

    /// Gives the lease back; the one who gave the last one back closes.
    pub(super) fn give_back(&self, session: SessionId) -> GivenBack {
        let given = self.leases().take_back(session);
        match &given {
            GivenBack::Last(run) if self.is_current(run) => self.become_state(CameraState::Closing),
            _ => self.publish(),
        }
        given
    }
}

fn kept_for(others: usize) -> Done {
    Done::noted(match others {
        0 => "given back before".to_owned(),
        n => format!("kept for {}", counted(n)),
    })
}
