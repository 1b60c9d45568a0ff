// SPDX-License-Identifier: MIT OR Apache-2.0
//! One run of a camera: from its opening to its observed close, by one worker process.

use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use crate::config;
use crate::device::{Observation, observe};
use crate::lifecycle::{Fault, FaultCode};
use crate::wire::{CameraCommand, CameraFact, Codec, SessionId};
use crate::worker::{self, Spares, Worker};

/// The process that has a camera open.
pub(super) type CameraWorker = Worker<worker::Camera>;

/// Something that is done once and awaited by every session that shares it. It goes on as long as
/// one of them polls it; what the worker was told it does in any case.
pub(super) type Progress = Shared<BoxFuture<'static, Result<(), Fault>>>;

/// What became of a camera that sessions were using.
#[derive(Clone, Debug, PartialEq)]
pub enum Loss {
    /// Its worker ended by itself.
    WorkerGone,
    /// It delivers no more frames.
    Failed(Fault),
}

/// From one opening of the camera to its observed close.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) codec: Codec,
    worker: Arc<OnceLock<CameraWorker>>,
    pub(super) opened: Progress,
    streaming: OnceLock<Progress>,
    /// The session that gave the last lease back, and whose teardown closes the camera.
    pub(super) closer: OnceLock<SessionId>,
    pub(super) lost: watch::Sender<Option<Loss>>,
}

impl Run {
    /// What opening the camera will do, once somebody awaits `opened`: the oracle sees the node
    /// free, a worker is taken, the worker opens it.
    pub(super) fn begin(
        config: &config::Camera,
        codec: Codec,
        spares: Arc<Spares>,
        tasks: TaskTracker,
    ) -> Result<Self, Fault> {
        let device = config.device.clone();
        let launch = config.board.launch(codec, &config.values())?;
        let worker = Arc::new(OnceLock::new());
        let (lost, slot) = (watch::Sender::new(None), Arc::clone(&worker));
        let loss = lost.clone();
        let opening = async move {
            match observe(device.clone()).await {
                Observation::Closed => {}
                Observation::Absent(fault) => return Err(fault),
                held => return Err(Fault::new(FaultCode::CameraBusy, held.held_by())),
            }
            let (worker, facts) = spares.take_camera()?;
            let opened = worker.call(CameraCommand::OpenCamera { launch, device, codec }, None);
            tasks.spawn(watch_over(worker.clone(), facts, loss));
            // Set once: an opening is awaited by many and run by one.
            let _ = slot.set(worker);
            opened.await.map(drop)
        };
        let opened = opening.boxed().shared();
        let (streaming, closer) = (OnceLock::new(), OnceLock::new());
        Ok(Self { codec, worker, opened, streaming, closer, lost })
    }

    /// The worker, once the oracle has let it be taken.
    pub(super) fn worker(&self) -> Option<&CameraWorker> {
        self.worker.get()
    }

    /// Frames flow: asked for once, awaited by all.
    pub(super) fn streaming(&self, worker: &CameraWorker) -> Progress {
        let begin = || {
            let reply = worker.call(CameraCommand::CreateSource, None);
            async move { reply.await.map(drop) }.boxed().shared()
        };
        self.streaming.get_or_init(begin).clone()
    }

    /// Whether the last lease has been given back.
    pub(super) fn is_closing(&self) -> bool {
        self.closer.get().is_some()
    }
}

/// Reports the camera's loss to every session that holds it.
async fn watch_over(
    worker: CameraWorker,
    mut facts: mpsc::UnboundedReceiver<CameraFact>,
    lost: watch::Sender<Option<Loss>>,
) {
    while let Some(fact) = facts.recv().await {
        match fact {
            CameraFact::Failed(fault) => {
                tracing::warn!(pid = worker.pid(), %fault, "camera failed");
                lost.send_replace(Some(Loss::Failed(fault)));
            }
            CameraFact::LinkGone(session) => {
                tracing::debug!(%session, "the peer's end of the link is gone");
            }
        }
    }
    worker.reaped().await;
    lost.send_if_modified(|loss| {
        let first = loss.is_none();
        if first {
            *loss = Some(Loss::WorkerGone);
        }
        first
    });
}
