// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is there: the sessions and the cameras of this service.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::camera::Camera;
use super::driver::{Limits, drive};
use super::peer::Peer;
use super::stage::{SessionStage, promised};
use super::viewer::{Inbox, Outbox};
use super::{
    FromViewer, Negotiation, ServiceStatus, SessionHandle, SessionStatus, Timeline, ToViewer,
};
use crate::config::Config;
use crate::lifecycle::{Cause, Event, Fault, FaultCode, Phase, Plan, Role, StopReason};
use crate::wire::{Candidate, Codec, PeerCommand, Reply, SessionId, VideoTrack, ViewerStats};
use crate::worker::Spares;

/// How many ended sessions are remembered.
const REMEMBERED: usize = 64;

/// The payload type of our video when we offer.
const OFFERED_PAYLOAD: u8 = 96;

/// The sessions and the cameras of this service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    cameras: BTreeMap<String, Arc<Camera>>,
    spares: Arc<Spares>,
    limits: Limits,
    ice_servers: Vec<String>,
    tasks: TaskTracker,
    serial: watch::Sender<u64>,
    sessions: Mutex<Sessions>,
}

#[derive(Debug, Default)]
struct Sessions {
    generation: u64,
    alive: BTreeMap<SessionId, SessionHandle>,
    ended: VecDeque<SessionHandle>,
    stopping: bool,
}

impl Registry {
    /// The cameras of `config`, all closed, and no session. Everything that a session starts runs
    /// on `tasks`.
    pub fn new(config: &Config, spares: Arc<Spares>, tasks: TaskTracker) -> Self {
        let serial = watch::Sender::new(0_u64);
        let camera = |camera: &crate::config::Camera| {
            let (spares, tasks) = (Arc::clone(&spares), tasks.clone());
            let camera = Camera::new(camera.clone(), spares, tasks, serial.clone());
            (camera.config().name.clone(), Arc::new(camera))
        };
        let cameras = config.cameras.iter().map(camera).collect();
        let limits = Limits {
            deadlines: config.deadlines.clone(),
            max_duration: config.session.max_duration,
        };
        let ice_servers = config.webrtc.ice_servers.clone();
        let sessions = Mutex::default();
        let inner = Inner { cameras, spares, limits, ice_servers, tasks, serial, sessions };
        Self { inner: Arc::new(inner) }
    }

    /// Starts a session on `camera`. What it says to its viewer comes on the receiver; dropping
    /// the receiver before the description was taken ends the session.
    ///
    /// # Errors
    /// `camera-unknown`, `too-many-viewers`, `no-common-codec`, `codec-in-use`, `shutting-down`:
    /// what is known before any step begins.
    pub fn start(
        &self,
        camera: &str,
        negotiation: Negotiation,
        viewer: Option<String>,
    ) -> Result<(SessionHandle, mpsc::UnboundedReceiver<ToViewer>), Fault> {
        let camera = self.inner.cameras.get(camera).cloned().ok_or_else(|| {
            let names = self.inner.cameras.keys().cloned().collect::<Vec<_>>().join(", ");
            let detail = format!("no camera `{camera}`; there is {names}");
            Fault::new(FaultCode::CameraUnknown, detail)
        })?;
        let mut video = choose(&camera, &negotiation)?;
        promised(&camera, &mut video);
        let (role, offer) = match negotiation {
            Negotiation::ViewerOffers(offer) => (Role::Answerer, Some(offer.as_str().to_owned())),
            Negotiation::DeviceOffers(_) => (Role::Offerer, None),
        };

        let mut sessions = self.inner.sessions();
        if sessions.stopping {
            return Err(Fault::new(FaultCode::ShuttingDown, "no new sessions are started"));
        }
        let config = camera.config();
        let viewers =
            sessions.alive.values().filter(|other| other.status().camera == config.name).count();
        if viewers >= config.max_viewers as usize {
            let detail = format!("{} has {viewers} viewers, its `max-viewers`", config.name);
            return Err(Fault::new(FaultCode::TooManyViewers, detail));
        }
        sessions.generation += 1;
        let id = new_id()?;
        let timeline = Timeline::begin();
        let status = SessionStatus {
            id,
            generation: sessions.generation,
            serial: *self.inner.serial.borrow(),
            camera: config.name.clone(),
            role,
            codec: video.codec,
            viewer,
            phase: Phase::Starting,
            step: None,
            asked_at: timeline.asked_at(),
            outcome: None,
        };
        let plan = Plan::new(role, config.camera_opens);
        let (events, event_queue) = mpsc::unbounded_channel();
        let (from_viewer, viewer_queue) = mpsc::unbounded_channel();
        let (to_viewer, told) = mpsc::unbounded_channel();
        let (status, status_seen) = watch::channel(status);
        let timeline = Arc::new(Mutex::new(timeline));
        let stage = SessionStage {
            id,
            camera,
            peer: Arc::new(Peer::new(id)),
            spares: Arc::clone(&self.inner.spares),
            tasks: self.inner.tasks.clone(),
            ice_servers: self.inner.ice_servers.clone(),
            video,
            offer,
            inbox: Arc::new(Inbox::default()),
            outbox: Arc::new(Outbox::new(to_viewer)),
            answer: watch::Sender::default(),
            events: events.clone(),
            stopping: CancellationToken::new(),
            status,
            serial: self.inner.serial.clone(),
        };
        let handle = SessionHandle {
            id,
            events,
            from_viewer,
            status: status_seen,
            timeline: Arc::clone(&timeline),
        };
        sessions.alive.insert(id, handle.clone());
        drop(sessions);

        let inner = Arc::clone(&self.inner);
        let span = tracing::info_span!("session", %id);
        let owner = async move {
            inner.own(stage, plan, timeline, event_queue, viewer_queue).await;
            inner.forget(id);
        };
        self.inner.tasks.spawn(owner.instrument(span));
        Ok((handle, told))
    }

    /// A session that is alive, or one of the last that ended.
    pub fn session(&self, id: SessionId) -> Option<SessionHandle> {
        let sessions = self.inner.sessions();
        let ended = || sessions.ended.iter().find(|handle| handle.id() == id);
        sessions.alive.get(&id).or_else(ended).cloned()
    }

    /// Everything, as it stands.
    pub fn status(&self) -> ServiceStatus {
        // Read first: what changes meanwhile is published again under a later serial.
        let serial = *self.inner.serial.borrow();
        let sessions = self.inner.sessions();
        let mut handles: Vec<_> = sessions
            .ended
            .iter()
            .chain(sessions.alive.values())
            .map(SessionHandle::status)
            .collect();
        handles.sort_by_key(|session| session.generation);
        ServiceStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            serial,
            stopping: sessions.stopping,
            cameras: self.inner.cameras.values().map(|camera| camera.status()).collect(),
            sessions: handles,
        }
    }

    /// Everything, as soon as there is a publication newer than `after`. Cancel-safe.
    pub async fn changed(&self, after: u64) -> ServiceStatus {
        // Fails only when the sender is gone, which this registry holds.
        let _ = self.inner.serial.subscribe().wait_for(|serial| *serial > after).await;
        self.status()
    }

    /// Ends every session and refuses new ones; returns when all have ended, which the teardown's
    /// deadlines bound. Cancel-safe: the sessions end in any case.
    pub async fn stop_all(&self, by: StopReason) {
        let alive: Vec<_> = {
            let mut sessions = self.inner.sessions();
            sessions.stopping = true;
            sessions.alive.values().cloned().collect()
        };
        for handle in &alive {
            handle.stop(by);
        }
        for handle in &alive {
            handle.ended().await;
        }
    }
}

impl Inner {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one task that owns a session.
    async fn own(
        &self,
        stage: SessionStage,
        plan: Plan,
        timeline: Arc<Mutex<Timeline>>,
        mut events: mpsc::UnboundedReceiver<Event>,
        viewer: mpsc::UnboundedReceiver<FromViewer>,
    ) {
        let over = CancellationToken::new();
        let listening = listen(&stage, viewer, over.clone());
        let driving = async {
            let outcome = drive(&stage, plan, &self.limits, &timeline, &mut events).await;
            stage.end(outcome).await;
            over.cancel();
        };
        tokio::join!(driving, listening);
    }

    fn forget(&self, id: SessionId) {
        let mut sessions = self.sessions();
        if let Some(handle) = sessions.alive.remove(&id) {
            sessions.ended.push_back(handle);
            while sessions.ended.len() > REMEMBERED {
                sessions.ended.pop_front();
            }
        }
        drop(sessions);
        self.serial.send_modify(|serial| *serial += 1);
    }
}

/// Hears the viewer until the session is over.
async fn listen(
    stage: &SessionStage,
    mut viewer: mpsc::UnboundedReceiver<FromViewer>,
    over: CancellationToken,
) {
    loop {
        let word = tokio::select! {
            () = over.cancelled() => return,
            Some(word) = viewer.recv() => word,
        };
        match word {
            FromViewer::Answer(sdp) => stage.inbox.answer(sdp),
            FromViewer::Candidates(candidates) => {
                let candidates = stage.inbox.candidates(candidates);
                if !candidates.is_empty() {
                    stage.tasks.spawn(add_late(Arc::clone(&stage.peer), stage.id, candidates));
                }
            }
            FromViewer::SignallingGone => {
                if stage.status.borrow().phase == Phase::Starting {
                    let detail = "the signalling connection ended before the session ran";
                    let fault = Fault::new(FaultCode::SignallingGone, detail);
                    let _ = stage.events.send(Event::Stop(Cause::Lost { fault }));
                }
            }
            FromViewer::Stats(reply) => {
                stage.tasks.spawn(figures(Arc::clone(&stage.peer), stage.id, reply));
            }
        }
    }
}

async fn add_late(peer: Arc<Peer>, session: SessionId, candidates: Vec<Candidate>) {
    let command = PeerCommand::AddCandidates { session, candidates };
    if let Err(fault) = peer.call(command, None).await {
        tracing::warn!(%session, %fault, "late candidates");
    }
}

async fn figures(
    peer: Arc<Peer>,
    session: SessionId,
    reply: oneshot::Sender<Result<ViewerStats, Fault>>,
) {
    let figures = match peer.call(PeerCommand::Stats { session }, None).await {
        Ok(Reply::Stats(figures)) => Ok(figures),
        Ok(other) => Err(Fault::new(FaultCode::WireInvalid, format!("stats: {other:?}"))),
        Err(fault) => Err(fault),
    };
    // Whoever asked may have left.
    let _ = reply.send(figures);
}

/// The codec of this session: what the camera encodes now, if the viewer takes it; otherwise the
/// board's first that the viewer takes.
fn choose(camera: &Camera, negotiation: &Negotiation) -> Result<VideoTrack, Fault> {
    let config = camera.config();
    let board = config.board.codecs();
    let in_use = camera.codec_in_use();
    let profile = config.board.promise(Codec::H264).and_then(|p| p.profile_level_id.as_deref());
    let of = |codecs: &[Codec]| match negotiation {
        Negotiation::ViewerOffers(offer) => {
            let chosen = offer.choose(codecs, profile)?;
            Ok(VideoTrack {
                codec: chosen.codec,
                payload: chosen.payload,
                profile_level_id: chosen.profile_level_id,
                promise: None,
            })
        }
        Negotiation::DeviceOffers(takes) => codecs
            .iter()
            .find(|codec| takes.contains(codec))
            .map(|&codec| VideoTrack {
                codec,
                payload: OFFERED_PAYLOAD,
                profile_level_id: None,
                promise: None,
            })
            .ok_or_else(|| {
                let names = |list: &[Codec]| {
                    list.iter().map(|codec| codec.name()).collect::<Vec<_>>().join(", ")
                };
                let detail =
                    format!("we have {}; the viewer takes {}", names(codecs), names(takes));
                Fault::new(FaultCode::NoCommonCodec, detail)
            }),
    };
    match in_use {
        None => of(&board),
        Some(codec) => of(&[codec]).or_else(|fault| {
            // Would the viewer take another of ours? Then waiting helps, and it is told so.
            of(&board)?;
            let detail =
                format!("{} is encoding {codec} for others: {}", config.name, fault.detail);
            Err(Fault::new(FaultCode::CodecInUse, detail))
        }),
    }
}

fn new_id() -> Result<SessionId, Fault> {
    getrandom::u64().map(SessionId).map_err(|error| {
        Fault::new(FaultCode::WorkerUnavailable, format!("no random number: {error}"))
    })
}
