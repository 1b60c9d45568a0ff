// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way in: the first lease opens the camera, the next ones share it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Camera;
use super::leases::Held;
use super::run::{Opening, Run};
use crate::lifecycle::{Fault, FaultCode};
use crate::session::status::CameraState;
use crate::session::timeline::Done;
use crate::wire::{Codec, SessionId};

/// How long a session that wants a camera which is being opened again waits for it.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(2);

/// What a session that asks for a lease gets.
enum Grant {
    Given(Arc<Run>, Held),
    /// Nothing yet: the camera is being closed.
    AfterClosing,
    /// Nothing yet: the camera failed and is being opened again.
    AfterOutage(Arc<Run>),
}

impl Camera {
    /// `open-camera`: takes a lease.
    ///
    /// # Errors
    /// `camera-busy`, `camera-missing` and their like from the oracle and the worker;
    /// `codec-in-use`; `camera-wedged`; what is wrong with a camera that is being opened again.
    pub async fn open(
        self: &Arc<Self>,
        session: SessionId,
        codec: Codec,
    ) -> Result<(Done, Held), Fault> {
        self.unwedge().await?;
        let asked = Instant::now();
        let (run, held) = loop {
            let mut state = self.state.subscribe();
            match self.lease(session, codec)? {
                Grant::Given(run, held) => break (run, held),
                // The oracle has the word, and then we have.
                Grant::AfterClosing => {
                    let over = |state: &CameraState| *state != CameraState::Closing;
                    let _ = state.wait_for(over).await;
                }
                Grant::AfterOutage(run) => self.await_frames(&run).await?,
            }
        };
        let waited = asked.elapsed();
        let opening = run.opening();
        opening.opened.clone().await?;
        self.become_open(&run);
        let worker = || opening.worker().map(|worker| format!("worker {}", worker.pid()));
        let note = self.shared_with(session).or_else(worker);
        Ok((Done { note, waited }, held))
    }

    /// Waits until a camera that failed delivers again.
    async fn await_frames(&self, run: &Run) -> Result<(), Fault> {
        let mut outage = run.outage.subscribe();
        let back = timeout(OUTAGE_PATIENCE, outage.wait_for(Option::is_none)).await;
        match (back, run.outage.borrow().clone()) {
            (Err(_), Some(fault)) => {
                let detail = format!("{}; it is being opened again", fault.detail);
                Err(Fault::new(fault.code, detail))
            }
            _ => Ok(()),
        }
    }

    /// A lease on the present run, or on a new one.
    fn lease(self: &Arc<Self>, session: SessionId, codec: Codec) -> Result<Grant, Fault> {
        let mut leases = self.leases();
        if let Some(wedge) = &leases.wedge {
            return Err(wedge.fault.clone());
        }
        let run = match &leases.run {
            Some(run) if run.is_closing() => return Ok(Grant::AfterClosing),
            Some(run) if run.codec != codec => {
                let detail = format!("{} is encoding {}", self.config.name, run.codec);
                return Err(Fault::new(FaultCode::CodecInUse, detail));
            }
            Some(run) if run.outage.borrow().is_some() => {
                return Ok(Grant::AfterOutage(Arc::clone(run)));
            }
            Some(run) => Arc::clone(run),
            None => {
                let run = Arc::new(Run::begin(codec, self.opening(codec)?));
                leases.run = Some(Arc::clone(&run));
                self.tasks.spawn(Arc::clone(self).guard(Arc::clone(&run)));
                self.state.send_replace(CameraState::Opening);
                run
            }
        };
        let held = leases.give(session);
        self.publish();
        Ok(Grant::Given(run, held))
    }

    /// What opens the camera, once it is awaited.
    pub(super) fn opening(&self, codec: Codec) -> Result<Opening, Fault> {
        let (shutter, spares) = (Arc::clone(&self.shutter), Arc::clone(&self.spares));
        Opening::begin(&self.config, codec, shutter, spares, self.tasks.clone())
    }

    fn become_open(&self, run: &Arc<Run>) {
        let leases = self.leases();
        let current = leases.run.as_ref().is_some_and(|now| Arc::ptr_eq(now, run));
        let is_open = current && !run.is_closing() && run.outage.borrow().is_none();
        if is_open && *self.state.borrow() == CameraState::Opening {
            drop(leases);
            self.become_state(CameraState::Open);
        }
    }
}
