// SPDX-License-Identifier: MIT OR Apache-2.0
//! One camera and its leases. The first lease opens it, the last one given back closes it, and it
//! counts as closed when the release oracle has said so. Whoever wants it while it closes waits
//! for that; whoever wants it while it opens shares the opening.
//!
//! ```text
//!   closed ──first lease──► opening ◄──reopen── open ──last lease back──► closing ──oracle──► closed
//!                              │  └──────────────►                           ▲  └─ held ─► wedged
//!                              └─────────────── last lease back ─────────────┘      (recover) ─► closed
//! ```

mod close;
#[cfg(test)]
mod fake;
mod leases;
mod open;
mod recover;
mod reopen;
mod run;
#[cfg(test)]
mod tests;
mod wedge;

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::leases::Leases;
use self::run::{CameraWorker, Run};
use super::announcer::{Announcer, News};
use super::status::{CameraState, CameraStatus};
use super::timeline::Done;
use crate::config::{self, Deadlines};
use crate::device::{Roots, Shutter};
use crate::lifecycle::{Fault, FaultCode};
use crate::wire::{CameraCommand, Codec, Reply, SessionId};
use crate::worker::Spares;

pub use leases::Held;
pub use recover::RECOVER_DEADLINE;
pub use run::Loss;

/// One configured camera. All of it may be called by many sessions at once; every future is
/// cancel-safe, as what it began goes on in the worker and is undone by [`Camera::close`].
#[derive(Debug)]
pub struct Camera {
    config: config::Camera,
    deadlines: Deadlines,
    shutter: Arc<Shutter>,
    spares: Arc<Spares>,
    tasks: TaskTracker,
    /// Cancelled when the service has done what it could.
    ending: CancellationToken,
    leases: Mutex<Leases>,
    state: watch::Sender<CameraState>,
    serial: watch::Sender<u64>,
    announcer: Announcer,
}

/// What all cameras of a service share.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// How long each step may take.
    pub deadlines: Deadlines,
    /// Where workers come from.
    pub spares: Arc<Spares>,
    /// Where tasks run.
    pub tasks: TaskTracker,
    /// Cancelled when the service has done what it could.
    pub ending: CancellationToken,
    /// Counts up whenever a status changes.
    pub serial: watch::Sender<u64>,
    /// Where openings and closes are said.
    pub announcer: Announcer,
}

impl Camera {
    /// A closed camera.
    pub fn new(config: config::Camera, around: Surroundings) -> Self {
        let Surroundings { deadlines, spares, tasks, ending, serial, announcer } = around;
        let (leases, state) = (Mutex::default(), watch::Sender::new(CameraState::Closed));
        let shutter = Arc::new(Shutter::new(&config, Roots::default()));
        Self { config, deadlines, shutter, spares, tasks, ending, leases, state, serial, announcer }
    }

    /// Its configuration.
    pub fn config(&self) -> &config::Camera {
        &self.config
    }

    /// How it stands.
    pub fn status(&self) -> CameraStatus {
        let leases = self.leases();
        CameraStatus {
            name: self.config.name.clone(),
            board: self.config.board.name().to_owned(),
            device: self.config.device.as_ref().map(|path| path.display().to_string()),
            state: *self.state.borrow(),
            viewers: leases.holders.len(),
            max_viewers: self.config.max_viewers as usize,
            codec: leases.run.as_ref().map(|run| run.codec),
            fault: leases.fault(),
            observed: self.shutter.last(),
        }
    }

    /// What it encodes, while it is in use and not being closed.
    pub fn codec_in_use(&self) -> Option<Codec> {
        let leases = self.leases();
        leases.run.as_ref().filter(|run| !run.is_closing()).map(|run| run.codec)
    }

    /// `create-source`: frames flow.
    ///
    /// # Errors
    /// What the worker says.
    pub async fn create_source(&self, session: SessionId) -> Result<Done, Fault> {
        let (run, worker) = self.run_of(session)?;
        run.opening().streaming(&worker).await?;
        Ok(Done { note: self.shared_with(session), ..Done::default() })
    }

    /// After `enable-tracks`: from now on the session sits a failure of the camera out.
    pub fn watches(&self, session: SessionId) {
        self.leases().watches(session);
    }

    /// `create-stream`, camera side: access units go down `link`. Returns the stream's caps.
    ///
    /// # Errors
    /// What the worker says.
    pub async fn attach(&self, session: SessionId, link: OwnedFd) -> Result<String, Fault> {
        let (_, worker) = self.run_of(session)?;
        match worker.call(CameraCommand::Attach { session }, Some(link)).await? {
            Reply::Caps(caps) => Ok(caps),
            other => Err(Fault::new(FaultCode::WireInvalid, format!("attach: {other:?}"))),
        }
    }

    /// `destroy-stream`, camera side. A camera that is closed has no stream.
    ///
    /// # Errors
    /// What the worker says.
    pub async fn detach(&self, session: SessionId) -> Result<(), Fault> {
        let worker = self.leases().run.as_ref().and_then(|run| run.worker());
        match worker.filter(|worker| !worker.is_ending()) {
            Some(worker) => worker.call(CameraCommand::Detach { session }, None).await.map(drop),
            None => Ok(()),
        }
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self) {
        self.serial.send_modify(|serial| *serial += 1);
    }

    fn become_state(&self, state: CameraState) {
        if self.state.send_replace(state) != state {
            tracing::info!(camera = self.config.name, ?state, "camera");
        }
        let (camera, fault) = (self.config.name.clone(), self.leases().fault());
        match (state, fault) {
            (CameraState::Open, _) => self.announcer.say(News::Opened { camera }),
            (CameraState::Closed, _) => self.announcer.say(News::Closed { camera }),
            (CameraState::Wedged, Some(fault)) => {
                self.announcer.say(News::Wedged { camera, fault })
            }
            _ => {}
        }
        self.publish();
    }

    /// Before the first frame leaves: whoever shows that a camera is open has been told.
    pub async fn announced(&self) {
        self.announcer.heard().await;
    }

    /// The run on which `session` holds a lease, with its worker.
    fn run_of(&self, session: SessionId) -> Result<(Arc<Run>, CameraWorker), Fault> {
        let leases = self.leases();
        let run = leases.run.as_ref().filter(|_| leases.holders.contains_key(&session));
        run.and_then(|run| Some((Arc::clone(run), run.worker()?))).ok_or_else(|| self.not_open())
    }

    fn not_open(&self) -> Fault {
        Fault::new(FaultCode::CameraError, format!("{} is not open", self.config.name))
    }

    fn is_current(&self, run: &Arc<Run>) -> bool {
        self.leases().run.as_ref().is_some_and(|now| Arc::ptr_eq(now, run))
    }

    fn shared_with(&self, session: SessionId) -> Option<String> {
        let others = self.leases().holders.keys().filter(|holder| **holder != session).count();
        (others > 0).then(|| format!("shared with {}", counted(others)))
    }
}

fn counted(others: usize) -> String {
    if others == 1 { "1 other".to_owned() } else { format!("{others} others") }
}
