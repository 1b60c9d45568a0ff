// SPDX-License-Identifier: MIT OR Apache-2.0
//! One warm worker of each role, so that a session starts without a process start: libraries
//! loaded, plugins loaded, certificate made; no device and no socket.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Shared, join_all};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::registry;
use super::role::{Camera, Peer, Role, Worker};
use crate::lifecycle::Fault;
use crate::wire::{CameraCommand, PeerCommand};

/// A worker with its facts.
pub type Fresh<R> = (Worker<R>, mpsc::UnboundedReceiver<<R as Role>::Fact>);

/// Comes when a worker is warm, or will not be.
type Warm = Shared<oneshot::Receiver<()>>;

type Slot<R> = Mutex<Option<(Fresh<R>, Warm)>>;

/// The spares.
#[derive(Debug)]
pub struct Spares {
    program: PathBuf,
    /// The control socket of the service, which no two that run have in common.
    service: PathBuf,
    /// The elements that the configured pipelines name.
    elements: Vec<String>,
    prewarm: bool,
    tasks: TaskTracker,
    closed: AtomicBool,
    camera: Slot<Camera>,
    peer: Slot<Peer>,
}

impl Spares {
    /// Spares of `program`; none are kept unless `prewarm`. Nothing starts before
    /// [`Spares::prepare`].
    pub fn new(program: PathBuf, elements: Vec<String>, prewarm: bool, tasks: TaskTracker) -> Self {
        let service = PathBuf::new();
        let (camera, peer) = (Mutex::default(), Mutex::default());
        let closed = AtomicBool::new(false);
        Self { program, service, elements, prewarm, tasks, closed, camera, peer }
    }

    /// Workers that the next run of the service with this control socket knows as its own.
    pub fn of(self, service: PathBuf) -> Self {
        Self { service, ..self }
    }

    /// A camera worker: the spare, or a cold one. It may still be warming up: what it is told next
    /// it does after that.
    ///
    /// # Errors
    /// `worker-unavailable`.
    pub fn take_camera(&self) -> Result<Fresh<Camera>, Fault> {
        self.take(&self.camera, self.prepare_camera()).map(|(fresh, _)| fresh)
    }

    /// A peer worker, warm: used before, its first description would take as long as the certificate
    /// does, which is seconds on a small board. One that is not warm after `patience` hangs: it is
    /// killed, and another one is awaited for as long as the caller likes. Dropping the future kills
    /// what it waits for.
    ///
    /// # Errors
    /// `worker-unavailable`.
    pub async fn take_peer(&self, patience: Duration) -> Result<Fresh<Peer>, Fault> {
        let (fresh, warm) = self.take(&self.peer, PeerCommand::Prepare)?;
        if timeout(patience, warm).await.is_ok() && !fresh.0.is_gone() {
            return Ok(fresh);
        }
        tracing::warn!(pid = fresh.0.pid(), "peer worker does not become warm, and is replaced");
        drop(fresh);
        let (fresh, warm) = self.start(PeerCommand::Prepare)?;
        // A worker that cannot warm up is cold, as its log says, and no failure yet.
        let _ = warm.await;
        Ok(fresh)
    }

    /// The first spares, after the plugin registry is up to date. Dropping the future leaves the
    /// service without spares until the first session.
    pub async fn prepare(&self) {
        registry::refresh(&self.program).await;
        self.replenish();
    }

    /// Starts the spares that are missing. Called when a session runs or has ended, so that the
    /// warm-up never competes with a start.
    pub fn replenish(&self) {
        if !self.prewarm || self.tasks.is_closed() {
            return;
        }
        self.fill(&self.camera, self.prepare_camera());
        self.fill(&self.peer, PeerCommand::Prepare);
    }

    /// Waits until the spares that there are have become warm, or will not be. Cancel-safe.
    pub async fn warmed(&self) {
        let camera = lock(&self.camera).as_ref().map(|(_, warm)| warm.clone());
        let peer = lock(&self.peer).as_ref().map(|(_, warm)| warm.clone());
        join_all([camera, peer].into_iter().flatten()).await;
    }

    fn prepare_camera(&self) -> CameraCommand {
        CameraCommand::Prepare { elements: self.elements.clone() }
    }

    /// The process numbers of the spares.
    pub fn pids(&self) -> Vec<u32> {
        let camera = lock(&self.camera).as_ref().map(|((worker, _), _)| worker.pid());
        let peer = lock(&self.peer).as_ref().map(|((worker, _), _)| worker.pid());
        camera.into_iter().chain(peer).collect()
    }

    /// Ends the spares, and keeps none from now on: a session's last act is to ask for new ones.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        lock(&self.camera).take();
        lock(&self.peer).take();
    }

    fn take<R: Role>(
        &self,
        slot: &Slot<R>,
        prepare: R::Command,
    ) -> Result<(Fresh<R>, Warm), Fault> {
        match lock(slot).take() {
            Some(((worker, facts), warm)) if !worker.is_gone() => Ok(((worker, facts), warm)),
            _ => self.start(prepare),
        }
    }

    fn fill<R: Role>(&self, slot: &Slot<R>, prepare: R::Command) {
        let mut slot = lock(slot);
        // Under the lock, which whoever closes takes afterwards.
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        if slot.as_ref().is_some_and(|((worker, _), _)| !worker.is_gone()) {
            return;
        }
        match self.start(prepare) {
            Ok(spare) => *slot = Some(spare),
            Err(fault) => tracing::error!(%fault, "no spare worker"),
        }
    }

    /// A worker that begins to warm up.
    fn start<R: Role>(&self, prepare: R::Command) -> Result<(Fresh<R>, Warm), Fault> {
        let (worker, facts) = Worker::<R>::spawn(&self.program, &self.service, &self.tasks)?;
        let prepared = worker.call(prepare, None);
        let (pid, (is_warm, warm)) = (worker.pid(), oneshot::channel());
        self.tasks.spawn(async move {
            match prepared.await {
                Ok(_) => tracing::debug!(role = R::NAME, pid, "worker is warm"),
                Err(fault) => tracing::warn!(role = R::NAME, pid, %fault, "worker is cold"),
            }
            // Nobody waits for a spare that is not in use yet.
            let _ = is_warm.send(());
        });
        Ok(((worker, facts), warm.shared()))
    }
}

fn lock<T>(slot: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::Process;

    #[tokio::test]
    async fn a_worker_that_hangs_in_its_warm_up_is_replaced() {
        // It hears everything and says nothing.
        let tasks = TaskTracker::new();
        let spares = Spares::new("/bin/cat".into(), Vec::new(), true, tasks);
        spares.replenish();
        let [_, hung] = spares.pids()[..] else { panic!("two spares") };
        let replaced = async {
            tokio::select! {
                _ = spares.take_peer(Duration::from_millis(20)) => panic!("nobody became warm"),
                () = Process::ended(hung) => {}
            }
        };
        timeout(Duration::from_secs(10), replaced).await.unwrap();
        assert_eq!(spares.pids().len(), 1, "the camera's");
    }
}
