// SPDX-License-Identifier: MIT OR Apache-2.0
//! One session's lane: its commands, one at a time. What only waits for the viewer (`await-connected`)
//! or for a packet (`enable-tracks`) or for the camera (`create-stream`) waits beside the lane, or
//! the viewer's late candidates would wait behind it.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;

use gst_webrtc::WebRTCSDPType;
use shutterd::lifecycle::{Fault, FaultCode, Role};
use shutterd::wire::{PeerCommand, PeerFact, Reply, SessionId, VideoTrack};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{self, Scene};
use super::link::{self, Link};
use super::negotiation::{self, describe, on};
use super::signs::Signs;
use super::tap::Tap;
use super::tracks::Feed;
use super::{estimate, goodbye, liveness, stats, wrong_state};
use crate::media::control::Reporter;
use crate::media::lane::{Order, unless_overtaken};
use crate::media::state::Stage;

/// What a command comes to: its result, or what has to happen first, beside the lane.
enum Outcome {
    Done(Reply),
    Awaits(Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>),
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    id: SessionId,
    reporter: Reporter<PeerFact>,
    stage: Stage<Scene>,
    signs: Arc<Signs>,
    tap: Arc<Tap>,
    feed: Arc<Feed>,
    link: Option<Link>,
    has_ice_servers: bool,
    /// Watches the viewer while tracks are enabled.
    watching: CancellationToken,
    tasks: TaskTracker,
}

impl Session {
    pub(super) fn new(id: SessionId, reporter: Reporter<PeerFact>) -> std::io::Result<Self> {
        Ok(Self {
            id,
            stage: Stage::new("peer")?,
            signs: Arc::new(Signs::new(id, reporter.clone())),
            reporter,
            tap: Arc::new(Tap::new()),
            feed: Arc::default(),
            link: None,
            has_ice_servers: false,
            watching: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Does commands until the session is destroyed.
    pub(super) async fn serve(mut self, mut orders: mpsc::UnboundedReceiver<Order<PeerCommand>>) {
        while let Some(Order { id, command, fds, overtaken }) = orders.recv().await {
            let last = matches!(command, PeerCommand::DestroyPeer { .. });
            match unless_overtaken(&overtaken, self.begin(command, fds)).await {
                Ok(Outcome::Done(reply)) => self.reporter.result(id, Ok(reply)),
                Err(fault) => self.reporter.result(id, Err(fault)),
                Ok(Outcome::Awaits(event)) => {
                    let reporter = self.reporter.clone();
                    self.tasks.spawn(async move {
                        let result = unless_overtaken(&overtaken, event).await;
                        reporter.result(id, result.map(|()| Reply::Done));
                    });
                }
            }
            if last {
                break;
            }
        }
        orders.close();
        while let Ok(Order { id, .. }) = orders.try_recv() {
            let fault = Fault::new(FaultCode::SessionUnknown, "the session was destroyed");
            self.reporter.result(id, Err(fault));
        }
    }

    /// Does one command to its end.
    pub(super) async fn execute(
        &mut self,
        command: PeerCommand,
        fds: Vec<OwnedFd>,
    ) -> Result<Reply, Fault> {
        match self.begin(command, fds).await? {
            Outcome::Done(reply) => Ok(reply),
            Outcome::Awaits(event) => event.await.map(|()| Reply::Done),
        }
    }

    #[cfg(feature = "faults")]
    async fn begin(&mut self, command: PeerCommand, fds: Vec<OwnedFd>) -> Result<Outcome, Fault> {
        use crate::media::planted::{hit, step_of};
        use shutterd::wire::planted::{Place, When};
        // Faults are planted into sessions; a spare that is made meanwhile warms up unharmed.
        if self.id == super::warm::NOBODY {
            return self.perform(command, fds).await;
        }
        let (step, stage) = (step_of(&command), self.stage.clone());
        hit(&stage, Place::Peer, &step, When::Before).await?;
        Ok(match self.perform(command, fds).await? {
            Outcome::Awaits(event) => Outcome::Awaits(Box::pin(async move {
                event.await?;
                hit(&stage, Place::Peer, &step, When::After).await
            })),
            done => {
                hit(&stage, Place::Peer, &step, When::After).await?;
                done
            }
        })
    }

    #[cfg(not(feature = "faults"))]
    async fn begin(&mut self, command: PeerCommand, fds: Vec<OwnedFd>) -> Result<Outcome, Fault> {
        self.perform(command, fds).await
    }

    async fn perform(&mut self, command: PeerCommand, fds: Vec<OwnedFd>) -> Result<Outcome, Fault> {
        use PeerCommand as C;
        let (offer, answer) = (WebRTCSDPType::Offer, WebRTCSDPType::Answer);
        let done = Reply::Done;
        Ok(Outcome::Done(match command {
            // The worker does these without a session.
            C::Ping | C::Prepare => done,
            #[cfg(feature = "faults")]
            C::Plant(_) => done,
            C::CreatePeer { ice_servers, role, session: _ } => {
                self.create_peer(role, ice_servers).await?;
                done
            }
            C::CreateStream { .. } => return self.create_stream(fds).await,
            C::AddTracks { video, .. } => {
                self.add_tracks(video).await?;
                done
            }
            C::CreateDataChannel { .. } => {
                on(&self.stage, |peer| peer.create_channel()).await?;
                done
            }
            C::CreateOffer { .. } => Reply::Sdp(self.describe(offer).await?),
            C::CreateAnswer { .. } => Reply::Sdp(self.describe(answer).await?),
            C::SetRemoteOffer { sdp, .. } => {
                negotiation::set_remote(&self.stage, &self.signs, offer, &sdp).await?;
                done
            }
            C::SetRemoteAnswer { sdp, .. } => {
                negotiation::set_remote(&self.stage, &self.signs, answer, &sdp).await?;
                done
            }
            C::AddCandidates { candidates, .. } => {
                on(&self.stage, move |peer| peer.add_candidates(&candidates)).await?;
                done
            }
            C::AwaitConnected { .. } => {
                let signs = Arc::clone(&self.signs);
                return Ok(Outcome::Awaits(Box::pin(async move { signs.await_connected().await })));
            }
            C::EnableTracks { .. } => return self.enable_tracks().await,
            C::DisableTracks { .. } => {
                self.disable_tracks().await?;
                done
            }
            C::DestroyStream { .. } => {
                if let Some(link) = self.link.take() {
                    link.close().await;
                }
                done
            }
            C::DestroyDataChannel { .. } => {
                let close = |scene: &mut Scene, _: &_| {
                    scene.iter_mut().for_each(connection::Peer::destroy_channel);
                };
                self.stage.run(close).await?;
                done
            }
            C::DestroyPeer { .. } => {
                self.destroy_peer().await?;
                done
            }
            C::SendMessage { text, .. } => {
                on(&self.stage, move |peer| peer.send_text(&text)).await?;
                done
            }
            C::Stats { .. } => Reply::Stats(stats::read(&self.stage, &self.feed, &self.tap).await?),
        }))
    }

    async fn create_peer(&mut self, role: Role, ice_servers: Vec<String>) -> Result<(), Fault> {
        self.has_ice_servers = !ice_servers.is_empty();
        let (signs, tap, stage) =
            (Arc::clone(&self.signs), Arc::clone(&self.tap), self.stage.clone());
        self.stage
            .run(move |scene, here| {
                if scene.is_some() {
                    return Err(wrong_state("the peer was created before"));
                }
                connection::create(scene, role, &ice_servers, &signs, &tap, &stage, here)
            })
            .await?
    }

    async fn describe(&self, kind: WebRTCSDPType) -> Result<String, Fault> {
        on(&self.stage, |peer| match peer.tracks {
            Some(_) => Ok(()),
            None => Err(wrong_state("no tracks were added")),
        })
        .await?;
        describe(&self.stage, &self.signs, kind, self.has_ice_servers).await
    }

    async fn create_stream(&mut self, fds: Vec<OwnedFd>) -> Result<Outcome, Fault> {
        let Ok([socket]) = <[OwnedFd; 1]>::try_from(fds) else {
            return Err(Fault::new(FaultCode::WireInvalid, "create-stream needs one descriptor"));
        };
        on(&self.stage, |_| Ok(())).await?;
        // A camera that was opened again has a new link.
        if let Some(link) = self.link.take() {
            link.close().await;
        }
        let link = link::open(socket, &self.feed, &self.signs, &self.stage, &self.tasks)?;
        let caps = link.await_caps();
        self.link = Some(link);
        Ok(Outcome::Awaits(Box::pin(caps)))
    }

    async fn add_tracks(&self, video: VideoTrack) -> Result<(), Fault> {
        let feed = Arc::clone(&self.feed);
        self.stage
            .run(move |scene, here| match scene {
                Some(peer) => peer.add_tracks(&video, &feed, here),
                None => Err(wrong_state("no peer was created")),
            })
            .await?
    }

    /// Opens the gate, and with it the tap; done when a packet has left.
    async fn enable_tracks(&mut self) -> Result<Outcome, Fault> {
        if !self.signs.is_connected() {
            return Err(wrong_state("the viewer is not connected"));
        }
        if self.link.is_none() {
            return Err(wrong_state("there is no stream"));
        }
        // The latency messages of a session being connected may all have come before its elements
        // were linked; without it sender reports would map no time.
        let latency = |peer: &mut connection::Peer| {
            peer.recalculate_latency();
            Ok(())
        };
        on(&self.stage, latency).await?;
        self.tap.open();
        self.feed.open();
        estimate::begin(&self.feed, &self.stage, &self.tasks);
        self.watching.cancel();
        self.watching = CancellationToken::new();
        let stop = self.watching.clone();
        let (signs, tap, stage) =
            (Arc::clone(&self.signs), Arc::clone(&self.tap), self.stage.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = liveness::watch(&signs, &tap, &stage) => {}
            }
        });
        let tap = Arc::clone(&self.tap);
        Ok(Outcome::Awaits(Box::pin(async move {
            tap.await_packet().await;
            Ok(())
        })))
    }

    async fn disable_tracks(&self) -> Result<(), Fault> {
        self.watching.cancel();
        self.tap.shut();
        self.feed.gate().shut();
        let tap = Arc::clone(&self.tap);
        self.stage.run(move |_, _| tap.settle()).await
    }

    async fn destroy_peer(&mut self) -> Result<(), Fault> {
        self.watching.cancel();
        self.signs.end();
        self.tap.shut();
        if let Some(link) = self.link.take() {
            link.close().await;
        }
        if self.signs.is_connected() {
            goodbye::say(&self.stage, &self.tap).await?;
        }
        let destroy = |scene: &mut Scene, here: &_| match scene.take() {
            Some(peer) => peer.destroy(here),
            None => Ok(()),
        };
        let destroyed = self.stage.run(destroy).await?;
        self.tasks.close();
        self.tasks.wait().await;
        tracing::debug!(session = %self.id, "destroyed");
        destroyed
    }
}
