// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a session's callbacks have seen. They run on GStreamer's threads and only send.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::{Candidate, Connection, PeerFact, SessionId};
use tokio::sync::watch;

use super::flow::Run;
use super::inlet::Inlet;
use crate::media::control::Reporter;

/// The largest message on the data channel, either way, in bytes.
pub(super) const MAX_TEXT: usize = 16 << 10;

/// Signs of one session.
#[derive(Debug)]
pub(super) struct Signs {
    session: SessionId,
    reporter: Reporter<PeerFact>,
    connection: watch::Sender<Connection>,
    gathered: watch::Sender<bool>,
    caps_at_webrtcbin: watch::Sender<bool>,
    /// Set when the session is being torn down: what happens then is no news.
    over: AtomicBool,
    /// Where whatever comes from the viewer comes in.
    inlet: Arc<Inlet>,
}

impl Signs {
    pub(super) fn new(session: SessionId, reporter: Reporter<PeerFact>) -> Self {
        Self {
            session,
            reporter,
            connection: watch::Sender::new(Connection::Connecting),
            gathered: watch::Sender::new(false),
            caps_at_webrtcbin: watch::Sender::new(false),
            over: AtomicBool::new(false),
            inlet: Arc::new(Inlet::new()),
        }
    }

    /// From now on nothing is reported.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    fn tell(&self, fact: PeerFact) {
        if !self.over.load(Ordering::Acquire) {
            self.reporter.fact(fact);
        }
    }

    /// The connection is in `state` now.
    pub(super) fn connection(&self, state: Connection) {
        // A closed connection does not open again, whatever webrtcbin still says of it.
        let changed = self.connection.send_if_modified(|now| {
            let changed = *now != state && *now != Connection::Closed;
            if changed {
                *now = state;
            }
            changed
        });
        if changed {
            let session = self.session;
            self.tell(PeerFact::Connection { session, state });
        }
    }

    /// A candidate of ours.
    pub(super) fn candidate(&self, mline: u32, candidate: String) {
        let candidate = Candidate { candidate, mline };
        self.tell(PeerFact::Candidate { session: self.session, candidate });
    }

    /// There are no more candidates of ours.
    pub(super) fn gathered(&self) {
        if !self.gathered.send_replace(true) {
            self.candidate(0, String::new());
        }
    }

    /// The RTP caps have reached webrtcbin.
    pub(super) fn caps_arrived(&self) {
        self.caps_at_webrtcbin.send_replace(true);
    }

    /// The viewer sent text.
    pub(super) fn message(&self, text: &str) {
        if text.len() > MAX_TEXT {
            tracing::warn!(bytes = text.len(), "a message of the viewer is too large");
        } else if self.reporter.crowded() {
            tracing::warn!("a message of the viewer is left out: the daemon is behind");
        } else {
            self.tell(PeerFact::Message { session: self.session, text: text.to_owned() });
        }
    }

    /// The session cannot go on.
    pub(super) fn failed(&self, fault: Fault) {
        tracing::warn!(session = %self.session, %fault, "session");
        self.tell(PeerFact::Failed { session: self.session, fault });
    }

    /// Nothing was heard of the viewer for too long.
    pub(super) fn silent(&self) {
        let silence = self.heard().last.elapsed();
        self.tell(PeerFact::Silent { session: self.session, silence });
    }

    /// Where the viewer is heard.
    pub(super) fn inlet(&self) -> &Arc<Inlet> {
        &self.inlet
    }

    /// What was heard of the viewer last; the beginning of the session, if nothing was.
    pub(super) fn heard(&self) -> Run {
        self.inlet.heard()
    }

    /// Where the connection stands, from now on.
    pub(super) fn watch_connection(&self) -> watch::Receiver<Connection> {
        self.connection.subscribe()
    }

    /// Whether ICE and DTLS are up.
    pub(super) fn is_connected(&self) -> bool {
        *self.connection.borrow() == Connection::Connected
    }

    /// Waits until ICE and DTLS are up.
    pub(super) async fn await_connected(&self) -> Result<(), Fault> {
        let mut connection = self.connection.subscribe();
        let end = |s: &Connection| {
            matches!(s, Connection::Connected | Connection::Failed | Connection::Closed)
        };
        match connection.wait_for(end).await.as_deref() {
            Ok(Connection::Connected) => Ok(()),
            Ok(Connection::Closed) => {
                Err(Fault::new(FaultCode::DtlsClosed, "the viewer closed the connection"))
            }
            _ => Err(Fault::new(FaultCode::IceFailed, "no connection to the viewer")),
        }
    }

    /// Waits until there are no more candidates of ours.
    pub(super) async fn await_gathered(&self) {
        // The sender lives in self: this cannot fail.
        let _ = self.gathered.subscribe().wait_for(|done| *done).await;
    }

    /// Waits until webrtcbin knows the caps of what it will send.
    pub(super) async fn await_caps(&self) {
        let _ = self.caps_at_webrtcbin.subscribe().wait_for(|there| *there).await;
    }
}
