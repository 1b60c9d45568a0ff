// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each step and each undo does: every row of `lifecycle::steps` has its line here.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::camera::{Camera, Held, Loss};
use super::driver::Stage;
use super::handle::ToViewer;
use super::peer::Peer;
use super::status::SessionStatus;
use super::timeline::Done;
use super::viewer::{Inbox, Outbox};
use crate::lifecycle::{Cause, Event, Fault, FaultCode, Outcome, Phase, Step, Undo, Worker};
use crate::sdp::Answer;
use crate::wire::link::link_pair;
use crate::wire::{PeerCommand, SessionId, VideoTrack};
use crate::worker::Spares;

/// Everything that one session works with.
#[derive(Debug)]
pub(super) struct SessionStage {
    pub(super) id: SessionId,
    pub(super) camera: Arc<Camera>,
    pub(super) peer: Arc<Peer>,
    pub(super) spares: Arc<Spares>,
    /// How long a worker may take to become warm before it is replaced.
    pub(super) warm_within: Duration,
    pub(super) tasks: TaskTracker,
    pub(super) ice_servers: Vec<String>,
    /// What is sent: the codec, and the payload type that the offer gave it.
    pub(super) video: VideoTrack,
    /// Whether the device makes a data channel.
    pub(super) has_channel: bool,
    /// The viewer's offer, when the viewer offers.
    pub(super) offer: Option<String>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) outbox: Arc<Outbox>,
    /// The answer between `create-answer` and `send-answer`.
    pub(super) answer: watch::Sender<String>,
    pub(super) events: mpsc::UnboundedSender<Event>,
    /// Cancelled when the teardown begins: what is lost from then on was given up.
    pub(super) stopping: CancellationToken,
    pub(super) status: watch::Sender<SessionStatus>,
    pub(super) serial: watch::Sender<u64>,
}

impl Stage for SessionStage {
    async fn run(&self, step: Step) -> Result<Done, Fault> {
        let session = self.id;
        match step {
            Step::CreatePeer => {
                let (asked, outbox) = (Instant::now(), Arc::clone(&self.outbox));
                let events = self.events.clone();
                let hearing = self.peer.take(&self.spares, self.warm_within, events, outbox);
                self.tasks.spawn(hearing.await?);
                let waited = asked.elapsed();
                let role = self.status.borrow().role;
                let pid = self.peer.create(role, self.ice_servers.clone()).await?;
                return Ok(Done { note: Some(format!("worker {pid}")), waited });
            }
            Step::OpenCamera => {
                let (done, held) = self.camera.open(session, self.video.codec).await?;
                self.follow(held);
                return Ok(done);
            }
            Step::CreateSource => return self.camera.create_source(session).await,
            Step::CreateStream => return self.create_stream().await,
            Step::AddTracks => {
                let video = self.video.clone();
                self.peer.call(PeerCommand::AddTracks { session, video }, None).await?;
            }
            Step::CreateDataChannel if !self.has_channel => {
                return Ok(Done::noted("none to a server"));
            }
            Step::CreateDataChannel => {
                self.peer.call(PeerCommand::CreateDataChannel { session }, None).await?;
            }
            Step::CreateOffer => {
                let sdp = self.peer.describe(PeerCommand::CreateOffer { session }).await?;
                self.outbox.description(sdp)?;
            }
            Step::AwaitAnswer => {
                // Checked here, so that a bad answer is this step's fault and not the worker's.
                self.inbox.awaited_answer().await?;
            }
            Step::SetRemoteAnswer => {
                let sdp = self.inbox.awaited_answer().await?;
                let sdp = Answer::parse(&sdp)?.as_str().to_owned();
                self.peer.call(PeerCommand::SetRemoteAnswer { session, sdp }, None).await?;
            }
            Step::SetRemoteOffer => {
                let sdp = self.offer.clone().unwrap_or_default();
                self.peer.call(PeerCommand::SetRemoteOffer { session, sdp }, None).await?;
            }
            Step::CreateAnswer => {
                let sdp = self.peer.describe(PeerCommand::CreateAnswer { session }).await?;
                self.answer.send_replace(sdp);
            }
            Step::SendAnswer => self.outbox.description(self.answer.send_replace(String::new()))?,
            Step::AddCandidates => {
                let candidates = self.inbox.described();
                let note = format!("{} came early", candidates.len());
                self.peer.call(PeerCommand::AddCandidates { session, candidates }, None).await?;
                return Ok(Done::noted(note));
            }
            Step::AwaitConnected => {
                self.peer.call(PeerCommand::AwaitConnected { session }, None).await?;
            }
            Step::EnableTracks => {
                self.camera.announced().await;
                self.peer.call(PeerCommand::EnableTracks { session }, None).await?;
                self.camera.watches(session);
                self.outbox.tell(ToViewer::Running);
            }
        }
        Ok(Done::default())
    }

    async fn undo(&self, undo: Undo, confirming: bool) -> Result<Done, Fault> {
        let session = self.id;
        match undo {
            Undo::DisableTracks => self.peer.undo(PeerCommand::DisableTracks { session }).await?,
            Undo::DestroySource => return self.camera.destroy_source(session).await,
            Undo::AwaitCaptureStopped => return self.camera.await_capture_stopped(session).await,
            Undo::CloseCamera => return self.camera.close(session, confirming).await,
            Undo::DestroyStream => {
                let peer = self.peer.undo(PeerCommand::DestroyStream { session });
                // A camera that fails here is another step's business: this link ends with us.
                let (peer, _) = tokio::join!(peer, self.camera.detach(session));
                peer?;
            }
            Undo::DestroyDataChannel => {
                self.peer.undo(PeerCommand::DestroyDataChannel { session }).await?;
            }
            Undo::DestroyPeer => return self.peer.destroy(confirming).await.map(Done::noted),
        }
        Ok(Done::default())
    }

    fn kill(&self, worker: Worker) {
        match worker {
            Worker::Camera => self.camera.kill(self.id),
            Worker::Peer => self.peer.kill(),
        }
    }

    fn publish(&self, phase: Phase, step: Option<&'static str>) {
        if phase == Phase::Stopping {
            self.stopping.cancel();
        }
        let before = self.status.borrow().phase;
        if phase != before {
            tracing::info!(?phase, "session");
        }
        self.update(|status| {
            status.phase = phase;
            status.step = step.map(str::to_owned);
        });
        if phase == Phase::Running && before != phase {
            self.spares.replenish();
        }
    }
}

impl SessionStage {
    /// Changes the status, under a new serial number. Both under the serial's lock: whoever reads
    /// the number finds the status that belongs to it.
    fn update(&self, change: impl FnOnce(&mut SessionStatus)) {
        self.serial.send_modify(|serial| {
            *serial += 1;
            self.status.send_modify(|status| {
                change(status);
                status.serial = *serial;
            });
        });
    }

    /// The last word, when nothing is owed any more.
    pub(super) async fn end(&self, outcome: Outcome) {
        if outcome.held.contains(&Worker::Camera) {
            self.camera.latch(self.id).await;
        }
        self.stopping.cancel();
        tracing::info!(cause = %outcome.cause, unclean = outcome.unclean.len(), "session ended");
        self.update(|status| {
            status.phase = Phase::Ended;
            status.step = None;
            status.outcome = Some(outcome.clone());
        });
        self.outbox.tell(ToViewer::Ended(outcome));
        self.spares.replenish();
    }

    /// Hears what becomes of the lease: a new link goes on to the peer, a loss ends the session.
    fn follow(&self, held: Held) {
        let Held { lost, links } = held;
        self.tasks.spawn(report_loss(lost, self.stopping.clone(), self.events.clone()));
        self.tasks.spawn(relink(links, Arc::clone(&self.peer), self.id, self.events.clone()));
    }

    /// The link is made here and given away: one end to each worker, none stays.
    async fn create_stream(&self) -> Result<Done, Fault> {
        let session = self.id;
        let (camera, peer) = link_pair().map_err(|error| {
            Fault::new(FaultCode::WorkerUnavailable, format!("no socket for the stream: {error}"))
        })?;
        let attached = self.camera.attach(session, camera);
        let known = self.peer.call(PeerCommand::CreateStream { session }, Some(peer));
        // A camera that refuses closes the link, so that the peer fails too: the camera's word first.
        let (attached, known) = tokio::join!(attached, known);
        let caps = attached?;
        known?;
        tracing::debug!(caps);
        Ok(Done::noted(in_short(&caps)))
    }
}

/// The stream's caps as a person reads them: media type, profile, level, size.
fn in_short(caps: &str) -> String {
    let mut fields = caps.split(", ");
    let kind = fields.next().unwrap_or_default().to_owned();
    let wanted = ["profile", "level", "width", "height"];
    let value = |field: &str| {
        let (name, value) = field.split_once('=')?;
        wanted.contains(&name).then(|| value.split(')').next_back().unwrap_or(value).to_owned())
    };
    fields.filter_map(value).fold(kind, |text, value| text + " " + &value)
}

/// Gives the peer each new link of a camera that was opened again. Ends with the lease.
async fn relink(
    mut links: mpsc::UnboundedReceiver<OwnedFd>,
    peer: Arc<Peer>,
    session: SessionId,
    events: mpsc::UnboundedSender<Event>,
) {
    while let Some(link) = links.recv().await {
        if let Err(fault) = peer.call(PeerCommand::CreateStream { session }, Some(link)).await {
            let _ = events.send(Event::Stop(Cause::Lost { fault }));
        }
    }
}

async fn report_loss(
    mut lost: watch::Receiver<Option<Loss>>,
    stopping: CancellationToken,
    events: mpsc::UnboundedSender<Event>,
) {
    let loss = tokio::select! {
        () = stopping.cancelled() => return,
        loss = lost.wait_for(Option::is_some) => match loss {
            Ok(loss) => loss.clone(),
            Err(_) => return,
        },
    };
    let event = match loss {
        Some(Loss::Failed(fault)) => Event::Stop(Cause::Lost { fault }),
        Some(Loss::WorkerGone) | None => Event::Gone(Worker::Camera),
    };
    let _ = events.send(event);
}
