// SPDX-License-Identifier: MIT OR Apache-2.0
//! The thread that has the journal's files. What it cannot write yet it holds, within a bound, and
//! tries again: a disk that is full or a directory that is missing costs nobody a session.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::store::Store;
use crate::config;
use crate::session::{SessionStatus, SessionTimeline};
use crate::wire::SessionId;

/// How many sessions are held while they cannot be written.
const MAX_WAITING: usize = 128;
/// How long after a failure the next attempt is made, if nothing is asked first.
const RETRY: Duration = Duration::from_secs(30);

/// What the thread is asked. Whoever asked may have left.
#[derive(Debug)]
pub(super) enum Job {
    Keep(Box<SessionTimeline>),
    Find(SessionId, oneshot::Sender<Option<SessionTimeline>>),
    Newest(usize, oneshot::Sender<Vec<SessionStatus>>),
    /// Answered, with how many sessions could not be written, when all before it was tried.
    Flush(oneshot::Sender<usize>),
}

/// What the thread has.
#[derive(Debug)]
pub(super) struct Writer {
    directory: PathBuf,
    limit: u64,
    run: Arc<str>,
    store: Option<Store>,
    /// Each as it stood last, in the order in which they came.
    waiting: VecDeque<Box<SessionTimeline>>,
    /// What is wrong, as it was said.
    trouble: Option<String>,
    /// How many records nobody keeps.
    lost: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn new(config: &config::Journal, run: Arc<str>, lost: Arc<AtomicU64>) -> Self {
        let (directory, limit) = (config.directory.clone(), config.max_size);
        let (store, waiting, trouble) = (None, VecDeque::new(), None);
        Self { directory, limit, run, store, waiting, trouble, lost }
    }

    /// Works until nobody can ask any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        // What an earlier run left is looked at, and said, now.
        self.write();
        loop {
            let next = if self.waiting.is_empty() && self.store.is_some() {
                jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                jobs.recv_timeout(RETRY)
            };
            let first = match next {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // What came meanwhile is written together, and reaches the disk together.
            for job in first.into_iter().chain(jobs.try_iter()).take(MAX_WAITING) {
                self.handle(job);
            }
            self.write();
        }
    }

    fn handle(&mut self, job: Job) {
        if !matches!(job, Job::Keep(_)) {
            // Whoever asks is told of what came before.
            self.write();
        }
        let store = self.store.as_ref();
        match job {
            Job::Keep(timeline) => self.hold(timeline),
            Job::Find(id, reply) => drop(reply.send(store.and_then(|store| store.find(id)))),
            Job::Newest(limit, reply) => {
                drop(reply.send(store.map_or_else(Vec::new, |store| store.newest(limit))));
            }
            Job::Flush(reply) => drop(reply.send(self.waiting.len())),
        }
    }

    fn hold(&mut self, timeline: Box<SessionTimeline>) {
        let id = timeline.session.id;
        match self.waiting.iter_mut().find(|waiting| waiting.session.id == id) {
            Some(waiting) => *waiting = timeline,
            None => self.waiting.push_back(timeline),
        }
        while self.waiting.len() > MAX_WAITING {
            self.waiting.pop_front();
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what is waiting, as far as it can be written.
    fn write(&mut self) {
        if self.waiting.is_empty() && self.store.is_some() {
            return;
        }
        match self.try_write() {
            Ok(()) => {
                let lost = self.lost.swap(0, Ordering::Relaxed);
                if self.trouble.take().is_some() || lost > 0 {
                    tracing::warn!(lost, "the session journal is written again");
                }
            }
            Err(error) => self.complain(&error),
        }
    }

    fn try_write(&mut self) -> io::Result<()> {
        match self.write_once() {
            // The directory or its newest file was removed under us: it is made anew.
            Err(error) if error.kind() == ErrorKind::NotFound && self.store.take().is_some() => {
                self.write_once()
            }
            result => result,
        }
    }

    fn write_once(&mut self) -> io::Result<()> {
        let store = match self.store.take() {
            Some(store) => store,
            None => Store::open(&self.directory, self.limit, &self.run)?,
        };
        let store = self.store.insert(store);
        if self.waiting.is_empty() {
            return Ok(());
        }
        while let Some(timeline) = self.waiting.front() {
            store.keep(timeline)?;
            let (session, phase) = (&timeline.session.id, timeline.session.phase);
            tracing::debug!(%session, ?phase, "kept in the journal");
            self.waiting.pop_front();
        }
        store.sync()
    }

    /// Says what is wrong, once for as long as it is the same.
    fn complain(&mut self, error: &io::Error) {
        let trouble = error.to_string();
        if self.trouble.as_ref() == Some(&trouble) {
            return;
        }
        let remedy = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room there",
            _ => {
                "give the service a directory that it may write, for which systemd has \
                 `StateDirectory=shutterd`, or write `storage = \"volatile\"` in [journal]"
            }
        };
        let directory = self.directory.display();
        tracing::warn!("sessions are not kept in {directory}: {trouble}; {remedy}");
        self.trouble = Some(trouble);
    }
}
