// SPDX-License-Identifier: MIT OR Apache-2.0
//! One run of a camera: from its first lease to its observed close. A worker process has it open;
//! after a failure that its viewers sit out, another one.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config;
use crate::device::Shutter;
use crate::lifecycle::{Fault, FaultCode};
use crate::wire::{CameraCommand, CameraFact, Codec, SessionId, Whole};
use crate::worker::{self, Spares, Worker};

/// For whoever has the camera for a moment only, as udev when it has just come, to let go of it.
const FREE_WITHIN: Duration = Duration::from_millis(200);

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

impl Loss {
    /// The loss as a fault.
    pub(super) fn fault(&self) -> Fault {
        match self {
            Loss::WorkerGone => Fault::new(FaultCode::WorkerGone, "camera worker ended"),
            Loss::Failed(fault) => fault.clone(),
        }
    }
}

/// From the first lease to the observed close.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) codec: Codec,
    /// The present one; an earlier one has ended.
    opening: Mutex<Arc<Opening>>,
    /// The workers of earlier ones that were killed and have not ended yet; `None` before the first
    /// of them.
    retired: Mutex<Option<Vec<CameraWorker>>>,
    /// The session that gave the last lease back, and whose teardown closes the camera.
    closer: OnceLock<SessionId>,
    closing: CancellationToken,
    /// Held by whoever opens the camera again. Whoever closes it takes it first, and then it stays
    /// closed.
    pub(super) reopening: tokio::sync::Mutex<()>,
    /// Why there are no frames at the moment.
    pub(super) outage: watch::Sender<Option<Fault>>,
}

impl Run {
    pub(super) fn begin(codec: Codec, opening: Opening) -> Self {
        Self {
            codec,
            opening: Mutex::new(Arc::new(opening)),
            retired: Mutex::default(),
            closer: OnceLock::new(),
            closing: CancellationToken::new(),
            reopening: tokio::sync::Mutex::default(),
            outage: watch::Sender::new(None),
        }
    }

    fn slot(&self) -> MutexGuard<'_, Arc<Opening>> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The opening that counts.
    pub(super) fn opening(&self) -> Arc<Opening> {
        Arc::clone(&self.slot())
    }

    /// The worker that has the camera open, once the oracle has let it be taken.
    pub(super) fn worker(&self) -> Option<CameraWorker> {
        self.slot().worker().cloned()
    }

    /// A worker is about to be killed for another opening.
    pub(super) fn retire(&self, worker: &CameraWorker) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let workers = retired.get_or_insert_default();
        workers.retain(|worker| !worker.is_gone());
        workers.push(worker.clone());
    }

    /// Those that have been killed for another opening and have not ended; `None` when nobody was.
    pub(super) fn retired(&self) -> Option<Vec<CameraWorker>> {
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let mut workers = retired.clone()?;
        workers.retain(|worker| !worker.is_gone());
        Some(workers)
    }

    /// One of its workers that has not ended.
    pub(super) fn lingering(&self) -> Option<CameraWorker> {
        let retired = self.retired().unwrap_or_default();
        self.worker().into_iter().chain(retired).find(|worker| !worker.is_gone())
    }

    /// Another opening takes the place of one whose worker was retired.
    pub(super) fn reopen(&self, opening: Opening) -> Arc<Opening> {
        let opening = Arc::new(opening);
        *self.slot() = Arc::clone(&opening);
        opening
    }

    /// The last lease has been given back, by `session`.
    pub(super) fn close_by(&self, session: SessionId) {
        let _ = self.closer.set(session);
        self.closing.cancel();
    }

    /// Whether `session` is the one that closes.
    pub(super) fn is_closed_by(&self, session: SessionId) -> bool {
        self.closer.get() == Some(&session)
    }

    /// Whether the last lease has been given back.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Waits until the last lease has been given back. Cancel-safe.
    pub(super) async fn closing(&self) {
        self.closing.cancelled().await;
    }
}

/// One worker's opening of the camera.
#[derive(Debug)]
pub(super) struct Opening {
    worker: Arc<OnceLock<CameraWorker>>,
    pub(super) opened: Progress,
    streaming: OnceLock<Progress>,
    lost: watch::Sender<Option<Loss>>,
}

impl Opening {
    /// What opening the camera will do, once somebody awaits `opened`: the oracle sees the node
    /// free, a worker is taken, the worker opens it.
    ///
    /// # Errors
    /// The board has no pipeline for `codec`.
    pub(super) fn begin(
        config: &config::Camera,
        codec: Codec,
        shutter: Arc<Shutter>,
        spares: Arc<Spares>,
        tasks: TaskTracker,
    ) -> Result<Self, Fault> {
        let device = config.device.clone();
        let launch = config.board.launch(codec, &config.values())?;
        let config::Camera { width, height, framerate, bitrate, .. } = *config;
        let whole = Whole { width, height, framerate, bitrate };
        let worker = Arc::new(OnceLock::new());
        let (lost, slot) = (watch::Sender::new(None), Arc::clone(&worker));
        let loss = lost.clone();
        let opening = async move {
            shutter.await_closed(FREE_WITHIN).await.may_open()?;
            let (worker, facts) = spares.take_camera()?;
            let open = CameraCommand::OpenCamera { launch, device, codec, whole };
            let opened = worker.call(open, None);
            tasks.spawn(watch_over(worker.clone(), facts, loss));
            // Set once: an opening is awaited by many and run by one.
            let _ = slot.set(worker);
            opened.await.map(drop)
        };
        let opened = opening.boxed().shared();
        Ok(Self { worker, opened, streaming: OnceLock::new(), lost })
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

    /// Waits until the camera delivers nothing more, or its worker has ended. Cancel-safe.
    pub(super) async fn lost(&self) -> Loss {
        let mut lost = self.lost.subscribe();
        // The sender lives in self: this cannot fail.
        let loss = lost.wait_for(Option::is_some).await;
        loss.ok().and_then(|loss| loss.clone()).unwrap_or(Loss::WorkerGone)
    }
}

/// Hears the worker until it has ended.
async fn watch_over(
    worker: CameraWorker,
    mut facts: mpsc::UnboundedReceiver<CameraFact>,
    lost: watch::Sender<Option<Loss>>,
) {
    let first = |loss: Loss| {
        lost.send_if_modified(|known| {
            let first = known.is_none();
            if first {
                *known = Some(loss);
            }
            first
        });
    };
    let mut hung = std::pin::pin!(worker.hung().fuse());
    loop {
        let fact = tokio::select! {
            fact = facts.recv() => match fact {
                Some(fact) => fact,
                None => break,
            },
            fault = &mut hung => CameraFact::Failed(fault),
        };
        match fact {
            CameraFact::Failed(fault) => {
                tracing::warn!(pid = worker.pid(), %fault, "camera failed");
                first(Loss::Failed(fault));
            }
            CameraFact::LinkGone(session) => {
                tracing::debug!(%session, "the peer's end of the link is gone");
            }
        }
    }
    worker.reaped().await;
    first(Loss::WorkerGone);
}
