// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stand on which sessions are disturbed or repeated: a service with the demo board,
//! what it says of sessions, and what it had when nobody watched.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use shutterd::lifecycle::{Outcome, Phase, Role, Undo, Worker};
use shutterd::session::{CameraState, Entry, SessionStatus, SessionTimeline, Table};

use crate::census::Census;
use crate::service::Service;
use crate::watcher::Watcher;

/// The promise: stop asked to camera observed closed, with a kill on the way.
pub(crate) const BOUND: Duration = Duration::from_millis(4200);

/// Short where a deadline is met on purpose, default elsewhere. But `disable-tracks` has some of what
/// `await-capture-stopped` may take: a machine that does other things too may miss its 200 ms in a
/// session that nobody disturbs, which is no fault.
const CONFIG: &str = "[deadlines]\nawait-answer = \"2s\"\nawait-connected = \"2s\"\n\
    disable-tracks = \"600ms\"\nawait-capture-stopped = \"600ms\"\n\
    [[camera]]\nname = \"head\"\nboard = \"demo\"\nwidth = 320\nheight = 180\nframerate = 30\n";

/// A service, and what it had when nobody watched.
pub(crate) struct Stand {
    pub(crate) service: Service,
    before: Census,
}

/// The session that is disturbed, as the service has it.
pub(crate) struct Disturbed {
    pub(crate) outcome: Outcome,
    entries: Vec<Entry>,
}

impl Stand {
    pub(crate) fn new() -> Self {
        Self::with(CONFIG)
    }

    pub(crate) fn with(config: &str) -> Self {
        let mut service = Service::start(config);
        for _ in 0..2 {
            service.wait_for_log("worker is warm");
        }
        let before = Census::of(&service);
        Self { service, before }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.service.address
    }

    /// The newest generation that there was.
    pub(crate) async fn generation(&self) -> u64 {
        self.service.status().await.sessions.last().map_or(0, |session| session.generation)
    }

    /// Waits until there is a session after `generation`.
    pub(crate) async fn begun(&self, generation: u64) -> SessionStatus {
        let is_it = |session: &&SessionStatus| session.generation > generation;
        let status =
            self.service.until("begun", |status| status.sessions.iter().any(|s| is_it(&s))).await;
        status.sessions.into_iter().find(|s| is_it(&s)).unwrap()
    }

    /// Waits until the session after `generation` runs.
    pub(crate) async fn running(&self, generation: u64) -> SessionStatus {
        let is_it = |session: &&SessionStatus| {
            session.generation > generation && session.phase == Phase::Running
        };
        let status =
            self.service.until("running", |status| status.sessions.iter().any(|s| is_it(&s))).await;
        status.sessions.into_iter().find(|s| is_it(&s)).unwrap()
    }

    /// Waits until the session after `generation` has ended.
    pub(crate) async fn ended(&self, generation: u64) -> Disturbed {
        let is_it =
            |session: &&SessionStatus| session.generation > generation && session.outcome.is_some();
        let status =
            self.service.until("ended", |status| status.sessions.iter().any(|s| is_it(&s))).await;
        let status = status.sessions.into_iter().find(|s| is_it(&s)).unwrap();
        let entries = self.timeline(&status).await.entries;
        Disturbed { outcome: status.outcome.unwrap(), entries }
    }

    async fn timeline(&self, session: &SessionStatus) -> SessionTimeline {
        let path = format!("/api/v1/sessions/{}/timeline", session.id);
        serde_json::from_str(&self.service.get(&path).await.body).unwrap()
    }

    /// Asks for the end of a session; resolves when it has ended.
    pub(crate) async fn stop(&self, session: &SessionStatus) {
        let path = format!("/api/v1/sessions/{}", session.id);
        let answer = self.service.request(Method::DELETE, &path, &[], "").await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }

    /// What the timeline notes at `step`.
    pub(crate) async fn note(&self, session: &SessionStatus, step: &str) -> Option<String> {
        let entries = self.timeline(session).await.entries;
        entries.into_iter().find(|entry| entry.step == step)?.note
    }

    /// The worker that did `step`, from the timeline: `worker 4711`.
    pub(crate) async fn worker(&self, session: &SessionStatus, step: &str) -> u32 {
        let note = self.note(session, step).await;
        let pid = note.as_deref().and_then(|note| note.strip_prefix("worker ")?.parse().ok());
        pid.unwrap_or_else(|| panic!("no worker at {step}: {note:?}"))
    }

    /// The worker that was started last, of the session that is starting: its step has no note yet.
    pub(crate) fn newest_worker(&self, kind: Worker) -> u32 {
        let role = format!("{kind:?}").to_lowercase();
        let workers = self.service.workers().into_iter().filter(|(_, name)| *name == role);
        workers.map(|(pid, _)| pid).max().unwrap_or_else(|| panic!("no {role} worker"))
    }

    /// Somebody watches, and sees something.
    pub(crate) async fn watch(&self, role: Role) -> (Watcher, SessionStatus) {
        let generation = self.generation().await;
        let mut watcher = Watcher::start(self.address(), role);
        let session = self.running(generation).await;
        watcher.sees(3).await;
        (watcher, session)
    }

    /// A new session starts at once, shows a picture, and ends cleanly.
    pub(crate) async fn next_session_works(&self, role: Role) {
        let generation = self.generation().await;
        let (watcher, session) = self.watch(role).await;
        self.stop(&session).await;
        let ended = self.ended(generation).await;
        assert_eq!((&ended.outcome.unclean[..], &ended.outcome.held[..]), (&[][..], &[][..]));
        drop(watcher);
    }

    /// Nobody watches: the camera is closed, no worker has it, and nothing was left behind.
    pub(crate) async fn is_as_before(&self) {
        let status = self.service.until_idle().await;
        assert!(status.cameras.iter().all(|camera| camera.state == CameraState::Closed));
        self.before.returns(&self.service).await;
    }
}

impl Disturbed {
    /// What was undone, in order.
    pub(crate) fn undone(&self) -> Vec<&str> {
        let end = self.entries.iter().filter(|entry| entry.table == Table::End);
        end.map(|entry| entry.step.as_str()).collect()
    }

    /// How long it took from the beginning of the end to the camera's observed close.
    pub(crate) fn closed_after(&self) -> Option<Duration> {
        let mut end = self.entries.iter().filter(|entry| entry.table == Table::End);
        let asked = end.clone().map(|entry| entry.asked_ms).next()?;
        let closed = end.rfind(|entry| entry.step == Undo::CloseCamera.name())?.ended_ms?;
        Some(Duration::from_secs_f64((closed - asked) / 1000.0))
    }
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
    // The first SIGSEGV is taken by Rust's own handler, which looks for a stack overflow.
    while signal == Signal::SEGV && kill_process(pid, signal).is_ok() {
        std::thread::yield_now();
    }
}
