// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the ring's lines mean: sessions, in the order in which they began, each as its last line
//! has it.

use std::io;
use std::path::Path;

use super::ring::{Place, Ring};
use crate::lifecycle::{Cause, Phase, UncleanWhy};
use crate::session::{SessionStatus, SessionTimeline};
use crate::wire::SessionId;

/// How long a record's texts may be, bytes; the second where the first is too long for a line. A
/// viewer's own words come back in faults, and must not push other sessions out of the ring.
const TEXT_BOUNDS: [usize; 2] = [1024, 64];
/// How many steps a record has room for in any case: three times what a session needs.
const ENTRIES: usize = 64;

/// The sessions that are on disk.
#[derive(Debug)]
pub(super) struct Store {
    ring: Ring,
    known: Vec<Known>,
}

/// A session whose last line is still there.
#[derive(Debug)]
struct Known {
    id: SessionId,
    place: Place,
    /// As it stood last, for as long as it has no end.
    unfinished: Option<SessionTimeline>,
}

impl Store {
    /// What is kept in `directory`, at most `limit` bytes of it. Sessions of other runs than `run`
    /// that have no end are given one.
    ///
    /// # Errors
    /// As [`Ring::open`].
    pub(super) fn open(directory: &Path, limit: u64, run: &str) -> io::Result<Self> {
        let mut store = Self { ring: Ring::open(directory, limit)?, known: Vec::new() };
        store.scan();
        store.conclude(run);
        Ok(store)
    }

    /// Keeps a session as it stands now; see [`Ring::append`] for what it survives.
    ///
    /// # Errors
    /// As [`Ring::append`].
    pub(super) fn keep(&mut self, timeline: &SessionTimeline) -> io::Result<()> {
        let place = self.ring.append(&line(timeline, self.ring.longest())?)?;
        note(&mut self.known, timeline, place);
        // Of the oldest, which made room, those that have no end yet are needed.
        for known in &mut self.known {
            let displaced = known.unfinished.as_ref().filter(|_| !self.ring.holds(known.place));
            if let Some(timeline) = displaced {
                known.place = self.ring.append(&line(timeline, self.ring.longest())?)?;
            }
        }
        self.known.retain(|known| self.ring.holds(known.place));
        Ok(())
    }

    /// See [`Ring::sync`].
    pub(super) fn sync(&self) -> io::Result<()> {
        self.ring.sync()
    }

    /// The session of that id.
    pub(super) fn find(&self, id: SessionId) -> Option<SessionTimeline> {
        let known = self.known.iter().rev().find(|known| known.id == id)?;
        self.read(known.place)
    }

    /// The sessions that began last, newest first.
    pub(super) fn newest(&self, limit: usize) -> Vec<SessionStatus> {
        let read = self.known.iter().rev().filter_map(|known| self.read(known.place));
        read.map(|timeline| timeline.session).take(limit).collect()
    }

    fn scan(&mut self) {
        let mut unreadable = 0;
        for segment in self.ring.segments() {
            let read = self.ring.lines(segment, |place, line| match parse(line) {
                Some(timeline) => note(&mut self.known, &timeline, place),
                None => unreadable += 1,
            });
            if let Err(error) = read {
                tracing::warn!(segment, %error, "a file of the session journal cannot be read");
            }
        }
        if unreadable > 0 {
            tracing::warn!(
                lines = unreadable,
                "unreadable lines of the session journal are skipped"
            );
        }
    }

    /// Gives an end to the sessions that a run before this one left without.
    fn conclude(&mut self, run: &str) {
        let unfinished = self.known.iter().filter_map(|known| known.unfinished.as_ref());
        let of_others = unfinished.filter(|other| other.session.run != run);
        for timeline in of_others.cloned().collect::<Vec<_>>() {
            let (session, phase) = (&timeline.session, timeline.session.phase);
            tracing::warn!(
                session = %session.id, camera = session.camera, asked_at = session.asked_at, ?phase,
                "interrupted: the service was killed, or the device lost power, in this session"
            );
            if let Err(error) = self.keep(&timeline.interrupted()) {
                // Whoever reads it is told the same; the next start tries again.
                tracing::debug!(%error, "the end of an interrupted session is not kept");
            }
        }
    }

    /// `None` when somebody else has changed the file, or removed it.
    fn read(&self, place: Place) -> Option<SessionTimeline> {
        let line = self.ring.read(place);
        let line =
            line.inspect_err(|error| tracing::warn!(%error, "the session journal cannot be read"));
        parse(&line.ok()?)
    }
}

fn parse(line: &[u8]) -> Option<SessionTimeline> {
    serde_json::from_slice(line).ok()
}

/// This is the last line about its session.
fn note(known: &mut Vec<Known>, timeline: &SessionTimeline, place: Place) {
    let id = timeline.session.id;
    let unfinished = (timeline.session.phase != Phase::Ended).then(|| timeline.clone());
    match known.iter_mut().rev().find(|known| known.id == id) {
        Some(known) => (known.place, known.unfinished) = (place, unfinished),
        None => known.push(Known { id, place, unfinished }),
    }
}

/// A session as a line of at most `longest` bytes: its texts are cut where they are too long, and
/// of more steps than fit the last ones stay.
fn line(timeline: &SessionTimeline, longest: usize) -> io::Result<Vec<u8>> {
    let mut timeline = timeline.clone();
    for bound in TEXT_BOUNDS {
        for text in texts(&mut timeline) {
            if text.len() > bound {
                text.truncate(text.floor_char_boundary(bound));
                text.push('…');
            }
        }
        let line = serde_json::to_vec(&timeline)?;
        if line.len() <= longest {
            return Ok(line);
        }
    }
    timeline.entries.drain(..timeline.entries.len().saturating_sub(ENTRIES));
    Ok(serde_json::to_vec(&timeline)?)
}

/// The texts that others wrote.
fn texts(timeline: &mut SessionTimeline) -> impl Iterator<Item = &mut String> {
    let notes = timeline.entries.iter_mut().filter_map(|entry| entry.note.as_mut());
    let outcome = timeline.session.outcome.as_mut().into_iter();
    let faults = outcome.flat_map(|outcome| {
        let cause = match &mut outcome.cause {
            Cause::StartFailed { fault, .. } | Cause::Lost { fault } => Some(fault),
            Cause::Requested { .. } | Cause::StartLate { .. } => None,
        };
        let unclean = outcome.unclean.iter_mut().filter_map(|unclean| match &mut unclean.why {
            UncleanWhy::Failed { fault } => Some(fault),
            UncleanWhy::Late | UncleanWhy::WorkerGone => None,
        });
        cause.into_iter().chain(unclean)
    });
    notes.chain(faults.map(|fault| &mut fault.detail))
}
