// SPDX-License-Identifier: MIT OR Apache-2.0
//! One camera and its leases. The first lease opens it, the last one given back closes it, and it
//! counts as closed when the release oracle has said so. Whoever wants it while it closes waits
//! for that; whoever wants it while it opens shares the opening.
//!
//! ```text
//!   closed ──first lease──► opening ──► open ──last lease back──► closing ──oracle──► closed
//!                              └────── last lease back ────────────▲  └─ held ─► wedged
//! ```

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::run::{CameraWorker, Loss, Run};
use super::status::{CameraState, CameraStatus};
use super::timeline::Done;
use crate::config;
use crate::device::{Observation, observe};
use crate::lifecycle::{Fault, FaultCode};
use crate::wire::{CameraCommand, Codec, Reply, SessionId};
use crate::worker::{Spares, Worker};

/// One configured camera. All of it may be called by many sessions at once; every future is
/// cancel-safe, as what it began goes on in the worker and is undone by [`Camera::close`].
#[derive(Debug)]
pub struct Camera {
    config: config::Camera,
    spares: Arc<Spares>,
    tasks: TaskTracker,
    leases: Mutex<Leases>,
    state: watch::Sender<CameraState>,
    serial: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Leases {
    holders: BTreeSet<SessionId>,
    run: Option<Arc<Run>>,
    wedge: Option<Wedge>,
}

/// A camera that was closed by us and is still held.
#[derive(Debug)]
struct Wedge {
    fault: Fault,
    worker: Option<CameraWorker>,
}

/// What giving a lease back means.
enum GivenBack {
    /// The camera stays open for this many others, or was never held.
    Kept(usize),
    /// It was the last: whoever gave it back closes the camera.
    Last(Arc<Run>),
}

impl Camera {
    /// A closed camera. `serial` counts up whenever its status changes.
    pub fn new(
        config: config::Camera,
        spares: Arc<Spares>,
        tasks: TaskTracker,
        serial: watch::Sender<u64>,
    ) -> Self {
        let (leases, state) = (Mutex::default(), watch::Sender::new(CameraState::Closed));
        Self { config, spares, tasks, leases, state, serial }
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
            fault: leases.wedge.as_ref().map(|wedge| wedge.fault.clone()),
        }
    }

    /// What it encodes, while it is in use and not being closed.
    pub fn codec_in_use(&self) -> Option<Codec> {
        let leases = self.leases();
        leases.run.as_ref().filter(|run| !run.is_closing()).map(|run| run.codec)
    }

    /// `open-camera`: takes a lease. Reports on the watch if the camera is lost while it is held.
    ///
    /// # Errors
    /// `camera-busy`, `camera-missing` and their like from the oracle and the worker;
    /// `codec-in-use`; `camera-wedged`.
    pub async fn open(
        &self,
        session: SessionId,
        codec: Codec,
    ) -> Result<(Done, watch::Receiver<Option<Loss>>), Fault> {
        self.unwedge().await?;
        let asked = Instant::now();
        let run = loop {
            let mut state = self.state.subscribe();
            match self.lease(session, codec)? {
                Some(run) => break run,
                // Being closed: the oracle has the word, and then we have.
                None => {
                    let over = |state: &CameraState| *state != CameraState::Closing;
                    let _ = state.wait_for(over).await;
                }
            }
        };
        let waited = asked.elapsed();
        run.opened.clone().await?;
        self.become_open(&run);
        let worker = || run.worker().map(|worker| format!("worker {}", worker.pid()));
        let note = self.shared_with(session).or_else(worker);
        Ok((Done { note, waited }, run.lost.subscribe()))
    }

    /// `create-source`: frames flow.
    ///
    /// # Errors
    /// What the worker says.
    pub async fn create_source(&self, session: SessionId) -> Result<Done, Fault> {
        let (run, worker) = self.run_of(session)?;
        run.streaming(&worker).await?;
        Ok(Done { note: self.shared_with(session), ..Done::default() })
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
        let worker = self.leases().run.as_ref().and_then(|run| run.worker().cloned());
        match worker {
            Some(worker) => worker.call(CameraCommand::Detach { session }, None).await.map(drop),
            None => Ok(()),
        }
    }

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
        let Some(worker) = run.worker() else {
            // Refused before a worker was taken: whoever holds it, we never did.
            self.closed(&run);
            return Ok(Done::noted("nothing was opened"));
        };
        if !confirming && !worker.is_gone() {
            worker.call(CameraCommand::CloseCamera, None).await?;
        }
        let exit = worker.reaped().await;
        let seen = observe(self.config.device.clone()).await;
        if !seen.is_closed() {
            return Err(self.wedged_by(&seen));
        }
        self.closed(&run);
        Ok(Done::noted(format!("worker {} ended, {exit}", worker.pid())))
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

    /// The close could not be observed: new starts are refused until the oracle says otherwise.
    pub async fn latch(&self, session: SessionId) {
        let GivenBack::Last(run) = self.give_back(session) else { return };
        // The teardown is over, so this look has a bound of its own.
        let look = timeout(Duration::from_secs(1), observe(self.config.device.clone()));
        let fault = match (look.await, run.worker()) {
            (_, Some(worker)) if !worker.is_gone() => {
                let pid = worker.pid();
                let detail = format!("{}: worker {pid} does not end", self.config.name);
                Fault::new(FaultCode::CameraWedged, detail)
            }
            (Ok(seen), _) => self.wedged_by(&seen),
            (Err(_), _) => self.wedged_by(&Observation::Held(Vec::new())),
        };
        tracing::error!(camera = self.config.name, %fault, "camera is wedged");
        let mut leases = self.leases();
        leases.wedge = Some(Wedge { fault, worker: run.worker().cloned() });
        leases.run = None;
        self.become_state(CameraState::Wedged);
    }

    fn wedged_by(&self, seen: &Observation) -> Fault {
        Fault::new(FaultCode::CameraWedged, format!("{} is {}", self.config.name, seen.held_by()))
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
        self.publish();
    }

    /// A lease on the present run, or on a new one; `None` while the camera is being closed.
    fn lease(&self, session: SessionId, codec: Codec) -> Result<Option<Arc<Run>>, Fault> {
        let mut leases = self.leases();
        let run = match &leases.run {
            Some(run) if run.is_closing() => return Ok(None),
            Some(run) if run.codec != codec => {
                let detail = format!("{} is encoding {}", self.config.name, run.codec);
                return Err(Fault::new(FaultCode::CodecInUse, detail));
            }
            Some(run) => Arc::clone(run),
            None => {
                let (spares, tasks) = (Arc::clone(&self.spares), self.tasks.clone());
                let run = Arc::new(Run::begin(&self.config, codec, spares, tasks)?);
                leases.run = Some(Arc::clone(&run));
                self.state.send_replace(CameraState::Opening);
                run
            }
        };
        leases.holders.insert(session);
        self.publish();
        Ok(Some(run))
    }

    fn become_open(&self, run: &Arc<Run>) {
        let leases = self.leases();
        let current = leases.run.as_ref().is_some_and(|now| Arc::ptr_eq(now, run));
        if current && !run.is_closing() && *self.state.borrow() == CameraState::Opening {
            drop(leases);
            self.become_state(CameraState::Open);
        }
    }

    fn closed(&self, run: &Arc<Run>) {
        let mut leases = self.leases();
        if leases.run.as_ref().is_some_and(|now| Arc::ptr_eq(now, run)) {
            leases.run = None;
            drop(leases);
            self.become_state(CameraState::Closed);
        }
    }

    /// A wedge clears itself when its worker is gone and the oracle sees the node free.
    async fn unwedge(&self) -> Result<(), Fault> {
        let Some((fault, gone)) =
            self.leases().wedge.as_ref().map(|wedge| {
                (wedge.fault.clone(), wedge.worker.as_ref().is_none_or(Worker::is_gone))
            })
        else {
            return Ok(());
        };
        if !gone || !observe(self.config.device.clone()).await.is_closed() {
            return Err(fault);
        }
        tracing::info!(camera = self.config.name, "camera is free again");
        self.leases().wedge = None;
        Ok(())
    }

    /// The run on which `session` holds a lease, with its worker.
    fn run_of(&self, session: SessionId) -> Result<(Arc<Run>, CameraWorker), Fault> {
        let leases = self.leases();
        let run = leases.run.as_ref().filter(|_| leases.holders.contains(&session));
        run.and_then(|run| Some((Arc::clone(run), run.worker()?.clone()))).ok_or_else(|| {
            Fault::new(FaultCode::CameraError, format!("{} is not open", self.config.name))
        })
    }

    async fn if_last(&self, session: SessionId, command: CameraCommand) -> Result<Done, Fault> {
        match self.give_back(session) {
            GivenBack::Kept(others) => Ok(kept_for(others)),
            GivenBack::Last(run) => match run.worker() {
                Some(worker) if !worker.is_gone() => {
                    worker.call(command, None).await?;
                    Ok(Done::default())
                }
                Some(_) => Ok(Done::noted("the worker is gone")),
                None => Ok(Done::noted("nothing was opened")),
            },
        }
    }

    /// Idempotent: the session that gave the last lease back remains the closer.
    fn give_back(&self, session: SessionId) -> GivenBack {
        let mut leases = self.leases();
        let held = leases.holders.remove(&session);
        let others = leases.holders.len();
        let Some(run) = leases.run.clone() else { return GivenBack::Kept(others) };
        if run.closer.get() == Some(&session) {
            return GivenBack::Last(run);
        }
        if !held || others > 0 {
            drop(leases);
            self.publish();
            return GivenBack::Kept(others);
        }
        // Only here, under the lock, so that no lease is given on a run that is being closed.
        let _ = run.closer.set(session);
        drop(leases);
        self.become_state(CameraState::Closing);
        GivenBack::Last(run)
    }

    fn shared_with(&self, session: SessionId) -> Option<String> {
        let others = self.leases().holders.iter().filter(|holder| **holder != session).count();
        (others > 0).then(|| format!("shared with {}", counted(others)))
    }
}

fn kept_for(others: usize) -> Done {
    Done::noted(match others {
        0 => "given back before".to_owned(),
        n => format!("kept for {}", counted(n)),
    })
}

fn counted(others: usize) -> String {
    if others == 1 { "1 other".to_owned() } else { format!("{others} others") }
}
