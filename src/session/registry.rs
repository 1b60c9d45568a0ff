// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is there: the sessions and the cameras of this service.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::camera::{Camera, RECOVER_DEADLINE, Surroundings};
use super::driver::{Limits, drive};
use super::peer::Peer;
use super::stage::SessionStage;
use super::track;
use super::viewer::{Inbox, Outbox};
use super::{
    FromViewer, Journal, Negotiation, ServiceStatus, SessionHandle, SessionStatus, Timeline,
    ToViewer,
};
use crate::config::Config;
use crate::device::Hidden;
use crate::lifecycle::{Cause, Event, Fault, FaultCode, Phase, Plan, Role, Step, StopReason};
use crate::wire::{Candidate, PeerCommand, Reply, SessionId, ViewerStats};
use crate::worker::Spares;

/// How many ended sessions are remembered; beyond them the journal is asked.
const REMEMBERED: usize = 64;

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
    ending: CancellationToken,
    journal: Journal,
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
    /// on `tasks`; what becomes of it is kept in `journal`.
    pub fn new(config: &Config, spares: Arc<Spares>, tasks: TaskTracker, journal: Journal) -> Self {
        let serial = watch::Sender::new(0_u64);
        let around = Surroundings {
            deadlines: config.deadlines.clone(),
            spares: Arc::clone(&spares),
            tasks: tasks.clone(),
            ending: CancellationToken::new(),
            serial: serial.clone(),
        };
        let camera = |camera: &crate::config::Camera| {
            let camera = Camera::new(camera.clone(), around.clone());
            (camera.config().name.clone(), Arc::new(camera))
        };
        let cameras = config.cameras.iter().map(camera).collect();
        let limits = Limits {
            deadlines: config.deadlines.clone(),
            max_duration: config.session.max_duration,
        };
        let ice_servers = config.webrtc.ice_servers.clone();
        let sessions = Mutex::default();
        let inner = Inner {
            cameras,
            spares,
            limits,
            ice_servers,
            tasks,
            ending: around.ending,
            journal,
            serial,
            sessions,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Looks at every camera once, before the first session, and says in the log what the release
    /// oracle can see on this system. Cancel-safe.
    pub async fn survey(&self) {
        let mut hidden = Hidden::default();
        for camera in self.inner.cameras.values() {
            let seen = camera.survey().await;
            hidden = seen.map_or(hidden, |seen| hidden.max(seen.evidence.hidden));
        }
        if !hidden.is_nothing() {
            tracing::warn!(
                "{hidden}: a camera is observed closed only as far as this user may see; \
                 CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, and the system's own /proc, show all"
            );
        }
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
        let video = track::choose(&camera, &negotiation)?;
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
            run: self.inner.journal.run().to_owned(),
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
            // Half of the step's time, so that another one has the other half.
            warm_within: self.inner.limits.deadlines.step(Step::CreatePeer) / 2,
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

        let (inner, followed) = (Arc::clone(&self.inner), handle.clone());
        let span = tracing::info_span!("session", %id);
        let owner = async move {
            let owning = inner.own(stage, plan, timeline, event_queue, viewer_queue);
            tokio::join!(owning, inner.journal.follow(followed));
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

    pub(super) fn journal(&self) -> &Journal {
        &self.inner.journal
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

    /// After [`Registry::stop_all`]: gives the recover hooks of cameras that could not be released
    /// their time, then lets go of them. Bounded. Cancel-safe.
    pub async fn let_go(&self) {
        let hopeful = |camera: &&Arc<Camera>| camera.can_recover();
        let released = self.inner.cameras.values().filter(hopeful).map(|camera| camera.released());
        let _ = timeout(RECOVER_DEADLINE, join_all(released)).await;
        self.inner.ending.cancel();
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

fn new_id() -> Result<SessionId, Fault> {
    getrandom::u64().map(SessionId).map_err(|error| {
        Fault::new(FaultCode::WorkerUnavailable, format!("no random number: {error}"))
    })
}
