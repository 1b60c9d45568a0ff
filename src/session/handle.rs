// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the outside holds a session: commands in, status out. The session itself belongs to one
//! task (`driver`); a handle can neither block it nor keep it alive.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

use super::status::{SessionStatus, SessionTimeline};
use super::timeline::Timeline;
use crate::lifecycle::{Cause, Event, Fault, FaultCode, Outcome, Phase, StopReason};
use crate::sdp::Offer;
use crate::wire::{Candidate, Codec, SessionId, ViewerStats};

/// How a session is negotiated.
#[derive(Clone, Debug)]
pub enum Negotiation {
    /// The viewer offers (WHEP).
    ViewerOffers(Box<Offer>),
    /// The device offers (WebSocket), to a viewer that says it takes these codecs.
    DeviceOffers(Vec<Codec>),
    /// The device offers to a server (WHIP), which has no data channel and takes one of these codecs.
    Push(Vec<Codec>),
}

/// What a session says to its viewer, in this order on one channel: the description before its
/// candidates, and the end last.
#[derive(Clone, Debug, PartialEq)]
pub enum ToViewer {
    /// Our offer or answer.
    Description(String),
    /// A candidate of ours.
    Candidate(Candidate),
    /// Frames are leaving.
    Running,
    /// Over. Nothing follows.
    Ended(Outcome),
}

/// What a viewer says to its session.
#[derive(Debug)]
pub enum FromViewer {
    /// The answer to our offer.
    Answer(String),
    /// Candidates, in order.
    Candidates(Vec<Candidate>),
    /// The signalling connection ended without a goodbye.
    SignallingGone,
    /// The answer will not come, for this reason.
    Refused(Fault),
    /// Live figures are wanted.
    Stats(tokio::sync::oneshot::Sender<Result<ViewerStats, Fault>>),
}

/// A handle on one session. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SessionHandle {
    pub(super) id: SessionId,
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) from_viewer: mpsc::UnboundedSender<FromViewer>,
    pub(super) status: watch::Receiver<SessionStatus>,
    pub(super) timeline: Arc<Mutex<Timeline>>,
}

impl SessionHandle {
    /// The session's id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Where it stands.
    pub fn status(&self) -> SessionStatus {
        self.status.borrow().clone()
    }

    /// What ran when.
    pub fn timeline(&self) -> SessionTimeline {
        let timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
        SessionTimeline { session: self.status(), entries: timeline.entries().to_vec() }
    }

    /// Asks the session to end. Returns at once; idempotent; never refused.
    pub fn stop(&self, by: StopReason) {
        // A closed channel is a session that has ended.
        let _ = self.events.send(Event::Stop(Cause::Requested { by }));
    }

    /// Waits until the session has ended: the camera is observed closed, or kept for others.
    /// Bounded by the teardown's deadlines. Cancel-safe; the teardown goes on without a waiter.
    pub async fn ended(&self) -> Outcome {
        let mut status = self.status.clone();
        loop {
            if let Some(outcome) = status.borrow_and_update().outcome.clone() {
                return outcome;
            }
            if status.changed().await.is_err() {
                // The task that owns the session always publishes an outcome before it ends.
                let fault = Fault::new(FaultCode::SessionUnknown, "the session's task is gone");
                return Outcome {
                    cause: Cause::Lost { fault },
                    unclean: Vec::new(),
                    held: Vec::new(),
                };
            }
        }
    }

    /// Whether the session has ended.
    pub fn is_ended(&self) -> bool {
        self.status.borrow().phase == Phase::Ended
    }

    /// Hands over what the viewer said. A session that has ended ignores it.
    ///
    /// # Errors
    /// `session-unknown` when the session has ended.
    pub fn viewer_says(&self, word: FromViewer) -> Result<(), Fault> {
        if self.is_ended() {
            return Err(self.unknown());
        }
        self.from_viewer.send(word).map_err(|_| self.unknown())
    }

    /// Live figures of the viewer.
    ///
    /// # Errors
    /// `session-unknown` when the session has ended, or what the worker says.
    pub async fn stats(&self) -> Result<ViewerStats, Fault> {
        let (reply, figures) = tokio::sync::oneshot::channel();
        self.viewer_says(FromViewer::Stats(reply))?;
        figures.await.unwrap_or_else(|_| Err(self.unknown()))
    }

    fn unknown(&self) -> Fault {
        Fault::new(FaultCode::SessionUnknown, format!("session {} has ended", self.id))
    }
}
