// SPDX-License-Identifier: MIT OR Apache-2.0
//! The journal: what became of each session, kept on disk beyond the end of the service.
//!
//! ```text
//!   a session's task ── follow ──┐  bounded
//!   the API ─────── find, newest ┴──────────► writer: one thread ──► store ──► ring: files
//! ```
//!
//! A line is the session's timeline as the API gives it, written whenever the session's phase
//! changes; the last line about a session holds. One that has no end when the service starts was
//! interrupted: the service was killed, or the device lost power.
//!
//! Nobody waits for the disk. A session hands its line over and goes on; what the thread cannot
//! take is counted and said.

mod ring;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{SessionHandle, SessionStatus, SessionTimeline};
use crate::config;
use crate::lifecycle::{Fault, FaultCode, Phase};
use crate::wire::SessionId;
use writer::{Job, Writer};

/// How much the thread may be behind.
const QUEUE: usize = 64;
/// How long whoever reads waits for the disk.
const READ_DEADLINE: Duration = Duration::from_secs(2);
/// How long the service's end waits for the disk.
const FLUSH_DEADLINE: Duration = Duration::from_secs(2);

/// The journal of this run of the service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal {
    run: Arc<str>,
    /// `None`: nothing is kept on disk.
    jobs: Option<SyncSender<Job>>,
    lost: Arc<AtomicU64>,
}

impl Journal {
    /// Begins a run of the service, whose sessions are kept as `config` says; `None` keeps nothing
    /// on disk. What is wrong with the directory is logged, and tried again: it is no error here.
    pub fn begin(config: Option<&config::Journal>) -> Self {
        // Without random numbers no session begins either.
        let run: Arc<str> = format!("{:016x}", getrandom::u64().unwrap_or_default()).into();
        let lost = Arc::new(AtomicU64::new(0));
        let jobs = config.and_then(|config| {
            let (jobs, queue) = sync_channel(QUEUE);
            let writer = Writer::new(config, Arc::clone(&run), Arc::clone(&lost));
            let thread = std::thread::Builder::new().name("journal".into());
            let spawned = thread.spawn(move || writer.run(&queue));
            spawned
                .inspect_err(|error| tracing::error!(%error, "no thread for the session journal"))
                .ok()?;
            Some(jobs)
        });
        Self { run, jobs, lost }
    }

    /// This run of the service: 16 hex digits, new each time.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Keeps the session whenever its phase changes. Ends when it has ended. Cancel-safe.
    pub(super) async fn follow(&self, session: SessionHandle) {
        let mut status = session.status.clone();
        let mut kept = None;
        loop {
            let phase = status.borrow_and_update().phase;
            if kept.replace(phase) != Some(phase) {
                self.keep(session.timeline());
            }
            if phase == Phase::Ended || status.changed().await.is_err() {
                return;
            }
        }
    }

    fn keep(&self, timeline: SessionTimeline) {
        let Some(jobs) = &self.jobs else { return };
        let refused = jobs.try_send(Job::Keep(Box::new(timeline))).is_err();
        if refused && self.lost.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("the session journal's disk does not answer: sessions are not kept");
        }
    }

    /// A session that is kept on disk, as it stood last. Cancel-safe.
    ///
    /// # Errors
    /// `late` when the disk does not answer.
    pub(super) async fn find(&self, id: SessionId) -> Result<Option<SessionTimeline>, Fault> {
        self.ask(|reply| Job::Find(id, reply)).await.map(Option::flatten)
    }

    /// The sessions on disk that began last, at most `limit`, newest first. Cancel-safe.
    ///
    /// # Errors
    /// `late` when the disk does not answer.
    pub(super) async fn newest(&self, limit: usize) -> Result<Vec<SessionStatus>, Fault> {
        self.ask(|reply| Job::Newest(limit, reply)).await.map(Option::unwrap_or_default)
    }

    /// Returns when what was handed over is on the disk, or after two seconds. Cancel-safe.
    pub async fn flush(&self) {
        let Some(jobs) = &self.jobs else { return };
        let (reply, flushed) = oneshot::channel();
        let asked = jobs.try_send(Job::Flush(reply)).is_ok();
        match timeout(FLUSH_DEADLINE, flushed).await {
            Ok(Ok(0)) => {}
            Ok(Ok(waiting)) => tracing::warn!(waiting, "sessions are lost: they were not kept"),
            _ => tracing::warn!(asked, "the session journal was not written to its end in time"),
        }
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<T>) -> Job,
    ) -> Result<Option<T>, Fault> {
        let Some(jobs) = &self.jobs else { return Ok(None) };
        let late = || Fault::new(FaultCode::Late, "the session journal's disk does not answer");
        let (reply, answer) = oneshot::channel();
        jobs.try_send(job(reply)).map_err(|_| late())?;
        match timeout(READ_DEADLINE, answer).await {
            Ok(Ok(answer)) => Ok(Some(answer)),
            _ => Err(late()),
        }
    }
}
