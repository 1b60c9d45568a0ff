// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is there: the sessions and the cameras of this service.

mod shut;
mod start;

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
    Announcer, FromViewer, Journal, Negotiation, ServiceStatus, SessionHandle, SessionStatus, Shut,
    Timeline, ToViewer,
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
    announcer: Announcer,
    sessions: Mutex<Sessions>,
}

#[derive(Debug, Default)]
struct Sessions {
    generation: u64,
    alive: BTreeMap<SessionId, SessionHandle>,
    ended: VecDeque<SessionHandle>,
    stopping: bool,
    /// What keeps cameras closed for now, by who says so.
    shut: BTreeMap<String, Shut>,
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
            announcer: Announcer::default(),
        };
        let announcer = around.announcer.clone();
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
            announcer,
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

    /// A session that is alive, or one of the last that ended.
    pub fn session(&self, id: SessionId) -> Option<SessionHandle> {
        let sessions = self.inner.sessions();
        let ended = || sessions.ended.iter().find(|handle| handle.id() == id);
        sessions.alive.get(&id).or_else(ended).cloned()
    }

    /// Where openings and closes are said.
    pub fn announcer(&self) -> &Announcer {
        &self.inner.announcer
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
            shut: sessions.shut.values().cloned().collect(),
            cameras: self.inner.cameras.values().map(|camera| camera.status()).collect(),
            sessions: handles,
        }
    }

    /// Everything, as soon as there is a publication newer than `after`, or the service ends. Cancel-safe.
    pub async fn changed(&self, after: u64) -> ServiceStatus {
        let mut serial = self.inner.serial.subscribe();
        tokio::select! {
            // Fails only when the sender is gone, which this registry holds.
            _ = serial.wait_for(|serial| *serial > after) => {}
            () = self.inner.ending.cancelled() => {}
        }
        self.status()
    }
}

impl Inner {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
