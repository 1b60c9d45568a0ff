// SPDX-License-Identifier: MIT OR Apache-2.0
//! One viewer's peer worker: taken at `create-peer`, ended and reaped at `destroy-peer`.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;

use super::viewer::Outbox;
use crate::lifecycle::{self, Cause, Event, Fault, FaultCode, Role, StopReason};
use crate::wire::{Connection, PeerCommand, PeerFact, Reply, SessionId};
use crate::worker::{self, Spares, Worker};

type PeerWorker = Worker<worker::Peer>;

/// The peer worker of one session, before, while and after it has one.
#[derive(Debug)]
pub struct Peer {
    session: SessionId,
    worker: OnceLock<PeerWorker>,
    /// Set when the session ends its worker, so that its end is no news.
    ending: Arc<AtomicBool>,
}

impl Peer {
    /// No worker yet.
    pub fn new(session: SessionId) -> Self {
        Self { session, worker: OnceLock::new(), ending: Arc::default() }
    }

    /// `create-peer`: takes a worker that is warm; one that hangs for `patience` is replaced.
    /// Returns what must be awaited beside the session for its facts to be heard, which ends with the
    /// worker. Cancel-safe.
    ///
    /// # Errors
    /// `worker-unavailable`.
    pub async fn take(
        &self,
        spares: &Spares,
        patience: Duration,
        events: mpsc::UnboundedSender<Event>,
        outbox: Arc<Outbox>,
    ) -> Result<impl Future<Output = ()> + Send + 'static, Fault> {
        let (worker, facts) = spares.take_peer(patience).await?;
        let hearing =
            hear(worker.clone(), facts, self.session, Arc::clone(&self.ending), events, outbox);
        // Taken once: create-peer runs once.
        let _ = self.worker.set(worker);
        Ok(hearing)
    }

    /// `create-peer`, second half: webrtcbin to READY.
    ///
    /// # Errors
    /// What the worker says.
    pub async fn create(&self, role: Role, ice_servers: Vec<String>) -> Result<u32, Fault> {
        let session = self.session;
        self.call(PeerCommand::CreatePeer { session, role, ice_servers }, None).await?;
        Ok(self.worker.get().map_or(0, Worker::pid))
    }

    /// Any command. The command is sent when this is first polled.
    ///
    /// # Errors
    /// What the worker says, or `worker-gone`.
    pub async fn call(&self, command: PeerCommand, fd: Option<OwnedFd>) -> Result<Reply, Fault> {
        match self.worker.get() {
            Some(worker) => worker.call(command, fd).await,
            None => Err(Fault::new(FaultCode::WorkerGone, "no peer worker was taken")),
        }
    }

    /// A command whose reply is a session description.
    ///
    /// # Errors
    /// What the worker says.
    pub async fn describe(&self, command: PeerCommand) -> Result<String, Fault> {
        match self.call(command, None).await? {
            Reply::Sdp(sdp) => Ok(sdp),
            other => Err(Fault::new(FaultCode::WireInvalid, format!("expected SDP: {other:?}"))),
        }
    }

    /// An undo in the worker. A worker that is gone, or was never taken, holds nothing.
    ///
    /// # Errors
    /// What the worker says.
    pub async fn undo(&self, command: PeerCommand) -> Result<(), Fault> {
        if self.is_alive() { self.call(command, None).await.map(drop) } else { Ok(()) }
    }

    /// `destroy-peer`: done when the worker is reaped. When `confirming`, it has been killed and is
    /// only observed.
    ///
    /// # Errors
    /// What the worker says.
    pub async fn destroy(&self, confirming: bool) -> Result<String, Fault> {
        self.ending.store(true, Ordering::Release);
        let Some(worker) = self.worker.get() else { return Ok("nothing was made".to_owned()) };
        if !confirming && self.is_alive() {
            let session = self.session;
            self.call(PeerCommand::DestroyPeer { session }, None).await?;
        }
        let exit = worker.reaped().await;
        Ok(format!("worker {} ended, {exit}", worker.pid()))
    }

    /// Kills the worker.
    pub fn kill(&self) {
        self.ending.store(true, Ordering::Release);
        if let Some(worker) = self.worker.get() {
            worker.kill();
        }
    }

    fn is_alive(&self) -> bool {
        self.worker.get().is_some_and(|worker| !worker.is_gone())
    }
}

/// Turns the worker's facts into the session's events until the worker has ended.
async fn hear(
    worker: PeerWorker,
    mut facts: mpsc::UnboundedReceiver<PeerFact>,
    session: SessionId,
    ending: Arc<AtomicBool>,
    events: mpsc::UnboundedSender<Event>,
    outbox: Arc<Outbox>,
) {
    let lost = |code, detail: &str| {
        let fault = Fault::new(code, detail);
        // The session may have ended: then nobody needs to know.
        let _ = events.send(Event::Stop(Cause::Lost { fault }));
    };
    let mut hung = std::pin::pin!(worker.hung().fuse());
    loop {
        let fact = tokio::select! {
            fact = facts.recv() => match fact {
                Some(fact) => fact,
                None => break,
            },
            fault = &mut hung => PeerFact::Failed { session, fault },
        };
        if fact.session() != session {
            tracing::warn!(%session, ?fact, "a fact of another session is ignored");
            continue;
        }
        match fact {
            PeerFact::Candidate { candidate, .. } => outbox.candidate(candidate),
            PeerFact::Connection { state, .. } => {
                tracing::debug!(%session, ?state, "connection");
                match state {
                    Connection::Failed => lost(FaultCode::IceFailed, "ICE found no path"),
                    // A goodbye: who goes in silence is not heard here.
                    Connection::Closed => {
                        let by = StopReason::Viewer;
                        let _ = events.send(Event::Stop(Cause::Requested { by }));
                    }
                    // A path that is lost may be found again; silence has its own fact.
                    Connection::Connecting | Connection::Connected | Connection::Disconnected => {}
                }
            }
            PeerFact::Silent { silence, .. } => {
                let detail = format!("nothing heard for {:.1} s", silence.as_secs_f64());
                lost(FaultCode::ViewerVanished, &detail);
            }
            PeerFact::Message { text, .. } => {
                tracing::info!(%session, bytes = text.len(), "message from the viewer");
            }
            PeerFact::Failed { fault, .. } => {
                let _ = events.send(Event::Stop(Cause::Lost { fault }));
            }
        }
    }
    worker.reaped().await;
    if !ending.load(Ordering::Acquire) {
        let _ = events.send(Event::Gone(lifecycle::Worker::Peer));
    }
}
