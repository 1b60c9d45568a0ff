// SPDX-License-Identifier: MIT OR Apache-2.0
//! One warm worker of each role, so that a session starts without a process start: libraries
//! loaded, plugins loaded, certificate made; no device and no socket.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::registry;
use super::role::{Camera, Peer, Role, Worker};
use crate::lifecycle::Fault;
use crate::wire::{CameraCommand, PeerCommand};

/// A worker with its facts.
pub type Fresh<R> = (Worker<R>, mpsc::UnboundedReceiver<<R as Role>::Fact>);

/// The spares.
#[derive(Debug)]
pub struct Spares {
    program: PathBuf,
    /// The elements that the configured pipelines name.
    elements: Vec<String>,
    prewarm: bool,
    tasks: TaskTracker,
    camera: Mutex<Option<Fresh<Camera>>>,
    peer: Mutex<Option<Fresh<Peer>>>,
}

impl Spares {
    /// Spares of `program`; none are kept unless `prewarm`. Nothing starts before
    /// [`Spares::prepare`].
    pub fn new(program: PathBuf, elements: Vec<String>, prewarm: bool, tasks: TaskTracker) -> Self {
        let (camera, peer) = (Mutex::default(), Mutex::default());
        Self { program, elements, prewarm, tasks, camera, peer }
    }

    /// A camera worker: the spare, which may still be warming up (it serves commands in order), or
    /// a cold one.
    ///
    /// # Errors
    /// `worker-unavailable`.
    pub fn take_camera(&self) -> Result<Fresh<Camera>, Fault> {
        self.take(&self.camera)
    }

    /// A peer worker, likewise.
    ///
    /// # Errors
    /// `worker-unavailable`.
    pub fn take_peer(&self) -> Result<Fresh<Peer>, Fault> {
        self.take(&self.peer)
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
        let elements = self.elements.clone();
        self.warm(&self.camera, CameraCommand::Prepare { elements });
        self.warm(&self.peer, PeerCommand::Prepare);
    }

    /// The process numbers of the spares.
    pub fn pids(&self) -> Vec<u32> {
        let camera = lock(&self.camera).as_ref().map(|(worker, _)| worker.pid());
        let peer = lock(&self.peer).as_ref().map(|(worker, _)| worker.pid());
        camera.into_iter().chain(peer).collect()
    }

    /// Ends the spares.
    pub fn clear(&self) {
        lock(&self.camera).take();
        lock(&self.peer).take();
    }

    fn take<R: Role>(&self, slot: &Mutex<Option<Fresh<R>>>) -> Result<Fresh<R>, Fault> {
        match lock(slot).take() {
            Some((worker, facts)) if !worker.is_gone() => Ok((worker, facts)),
            _ => Worker::spawn(&self.program, &self.tasks),
        }
    }

    fn warm<R: Role>(&self, slot: &Mutex<Option<Fresh<R>>>, prepare: R::Command) {
        let mut slot = lock(slot);
        if slot.as_ref().is_some_and(|(worker, _)| !worker.is_gone()) {
            return;
        }
        match Worker::<R>::spawn(&self.program, &self.tasks) {
            Ok((worker, facts)) => {
                let prepared = worker.call(prepare, None);
                let pid = worker.pid();
                self.tasks.spawn(async move {
                    match prepared.await {
                        Ok(_) => tracing::debug!(role = R::NAME, pid, "spare worker is warm"),
                        Err(fault) => {
                            tracing::warn!(role = R::NAME, pid, %fault, "spare worker is cold")
                        }
                    }
                });
                *slot = Some((worker, facts));
            }
            Err(fault) => tracing::error!(%fault, "no spare worker"),
        }
    }
}

fn lock<T>(slot: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
