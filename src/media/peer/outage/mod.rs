// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rule by which a viewer counts as vanished. Pure: moments come in, what to do next comes out.
//!
//! An outage begins when the viewer was heard last, and is over when it is heard again. It is the
//! viewer's end when something went unanswered for too long: heartbeats, or the packets of the
//! stream, or ICE's checks. Without any of these a silent viewer does nothing wrong.

use std::time::Duration;

use shutterd::lifecycle::steps::{UNASKED_SILENCE, VIEWER_SILENCE};
use tokio::time::Instant;

use super::flow::{PAUSE, Run};

/// A viewer that was not heard for so long is sent a heartbeat.
const ASK: Duration = Duration::from_secs(2);

/// From one heartbeat of an outage to the next: a packet may be lost.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long the answer to the first of them may take. Asked in time, the outage is no longer for it.
const ANSWER: Duration = VIEWER_SILENCE.saturating_sub(ASK);

/// A receiver of the stream that was heard for so long without a pause reports as browsers do, about
/// once a second, and need not be asked. Others may leave 6.2 s between two reports (RFC 3550,
/// 6.3.1), and twice that after one that came early (RFC 4585, 3.5.2).
const STEADY: Duration = Duration::from_secs(10);

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Next {
    /// Nothing, until then.
    Wait(Instant),
    /// Send a heartbeat, and say what came of it.
    Ask,
    /// The viewer has vanished.
    Vanished,
}

/// How ICE's path stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Path {
    Whole,
    Lost {
        since: Instant,
    },
    /// Found again. Until that has lasted, the path flaps: to lose it once more sets no clock back.
    Found {
        lost: Instant,
        at: Instant,
    },
}

/// The time since the viewer was heard last.
#[derive(Debug)]
pub(super) struct Outage {
    began: Instant,
    /// Whether the viewer reported steadily before.
    steady: bool,
    /// The first heartbeat that left since.
    asked: Option<Instant>,
    next_ask: Instant,
    path: Path,
}

impl Outage {
    /// Silence counts from `now` on.
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, steady: false, asked: None, next_ask: now + ASK, path: Path::Whole }
    }

    /// ICE has no path. To say so again changes nothing.
    pub(super) fn path_lost(&mut self, now: Instant) {
        let since = match self.path {
            Path::Lost { since } => since,
            Path::Found { lost, at } if now < at + VIEWER_SILENCE => lost,
            Path::Whole | Path::Found { .. } => now,
        };
        self.path = Path::Lost { since };
    }

    /// ICE has a path. To say so again changes nothing.
    pub(super) fn path_found(&mut self, now: Instant) {
        if let Path::Lost { since } = self.path {
            self.path = Path::Found { lost: since, at: now };
        }
    }

    /// A heartbeat was to be sent, and by `now` has `left` or could not.
    pub(super) fn asked(&mut self, now: Instant, left: bool) {
        self.next_ask = now + if left { ASK_AGAIN } else { ASK };
        if left {
            self.asked.get_or_insert(now);
        }
    }

    /// What to do `now`, from what was `heard` of the viewer and `sent` to it last. To be asked
    /// again at the moment that it names, and when the path changes.
    pub(super) fn next(&mut self, now: Instant, heard: Run, sent: Run) -> Next {
        if heard.last > self.began {
            let steady = heard.last - heard.since >= STEADY;
            *self = Self { steady, path: self.path, ..Self::new(heard.last) };
        }
        match self.end(now, sent) {
            Some(end) if end <= now => Next::Vanished,
            _ if self.next_ask <= now => Next::Ask,
            end => Next::Wait(end.map_or(self.next_ask, |end| end.min(self.next_ask))),
        }
    }

    /// When the outage will be the viewer's end, if all stays as it is `now`; never, while there is
    /// nothing that it should answer.
    fn end(&self, now: Instant, sent: Run) -> Option<Instant> {
        let silence = self.began + VIEWER_SILENCE;
        let reports = if self.steady { VIEWER_SILENCE } else { UNASKED_SILENCE };
        let heartbeat = self.asked.map(|asked| silence.max(asked + ANSWER));
        let stream = (now <= sent.last + PAUSE).then(|| self.began.max(sent.since) + reports);
        let path = match self.path {
            Path::Lost { since } => Some(self.began.max(since) + VIEWER_SILENCE),
            Path::Whole | Path::Found { .. } => None,
        };
        [heartbeat, stream, path].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
