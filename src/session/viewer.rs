// SPDX-License-Identifier: MIT OR Apache-2.0
//! The viewer's side of the signalling: what it said, kept until a step asks for it, and what it
//! is told, in the one order that works: a description before its candidates.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

use super::handle::ToViewer;
use crate::lifecycle::{Fault, FaultCode};
use crate::wire::Candidate;

/// What the viewer said so far.
#[derive(Debug)]
pub struct Inbox {
    answer: watch::Sender<Option<String>>,
    /// Candidates that came before the remote description; `None` once it is set.
    early: Mutex<Option<Vec<Candidate>>>,
}

/// More candidates than any real viewer has before its description is set.
const MAX_EARLY: usize = 256;

impl Default for Inbox {
    /// Nothing said yet.
    fn default() -> Self {
        Self { answer: watch::Sender::new(None), early: Mutex::new(Some(Vec::new())) }
    }
}

impl Inbox {
    /// The viewer's answer. A second one is ignored: there is no second negotiation.
    pub fn answer(&self, sdp: String) {
        self.answer.send_if_modified(|answer| {
            let first = answer.is_none();
            if first {
                *answer = Some(sdp);
            }
            first
        });
    }

    /// Waits for the viewer's answer. Cancel-safe.
    pub async fn awaited_answer(&self) -> Result<String, Fault> {
        let mut answer = self.answer.subscribe();
        match answer.wait_for(Option::is_some).await {
            Ok(answer) => Ok(answer.clone().unwrap_or_default()),
            Err(_) => Err(Fault::new(FaultCode::SignallingGone, "no answer will come")),
        }
    }

    /// Takes candidates. Returns those that can be applied now: all of them once the remote
    /// description is set, none before.
    pub fn candidates(&self, candidates: Vec<Candidate>) -> Vec<Candidate> {
        match &mut *self.early() {
            Some(early) => {
                let room = MAX_EARLY.saturating_sub(early.len());
                if candidates.len() > room {
                    tracing::warn!("the viewer's candidates beyond {MAX_EARLY} are dropped");
                }
                early.extend(candidates.into_iter().take(room));
                Vec::new()
            }
            None => candidates,
        }
    }

    /// The remote description is set: the candidates that came early, in order.
    pub fn described(&self) -> Vec<Candidate> {
        self.early().take().unwrap_or_default()
    }

    fn early(&self) -> std::sync::MutexGuard<'_, Option<Vec<Candidate>>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the viewer is told.
#[derive(Debug)]
pub struct Outbox {
    sender: mpsc::UnboundedSender<ToViewer>,
    /// Candidates of ours that were found before the description left; `None` once it has.
    early: Mutex<Option<Vec<Candidate>>>,
}

impl Outbox {
    /// Tells whoever holds the other end of `sender`.
    pub fn new(sender: mpsc::UnboundedSender<ToViewer>) -> Self {
        Self { sender, early: Mutex::new(Some(Vec::new())) }
    }

    /// Sends our description, then the candidates found meanwhile.
    ///
    /// # Errors
    /// `signalling-gone` when nobody listens any more.
    pub fn description(&self, sdp: String) -> Result<(), Fault> {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        self.sender.send(ToViewer::Description(sdp)).map_err(|_| {
            Fault::new(FaultCode::SignallingGone, "the viewer left before our description")
        })?;
        for candidate in early.take().unwrap_or_default() {
            self.tell(ToViewer::Candidate(candidate));
        }
        Ok(())
    }

    /// Sends a candidate of ours, after the description.
    pub fn candidate(&self, candidate: Candidate) {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *early {
            Some(early) => early.push(candidate),
            None => self.tell(ToViewer::Candidate(candidate)),
        }
    }

    /// Sends what needs no order. Nobody may be listening any more.
    pub fn tell(&self, word: ToViewer) {
        let _ = self.sender.send(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(n: u32) -> Candidate {
        Candidate { candidate: format!("candidate:{n}"), mline: 0 }
    }

    // Failure modes: N1.
    #[test]
    fn candidates_wait_for_the_remote_description() {
        let inbox = Inbox::default();
        assert_eq!(inbox.candidates(vec![candidate(1), candidate(2)]), []);
        assert_eq!(inbox.candidates(vec![candidate(3)]), []);
        assert_eq!(inbox.described(), [candidate(1), candidate(2), candidate(3)]);
        assert_eq!(inbox.candidates(vec![candidate(4)]), [candidate(4)]);
        assert_eq!(inbox.described(), []);
    }

    #[test]
    fn a_flood_of_early_candidates_is_bounded() {
        let inbox = Inbox::default();
        inbox.candidates((0..1000).map(candidate).collect());
        assert_eq!(inbox.described().len(), MAX_EARLY);
    }

    #[tokio::test]
    async fn the_first_answer_counts() {
        let inbox = Inbox::default();
        inbox.answer("first".into());
        inbox.answer("second".into());
        assert_eq!(inbox.awaited_answer().await.unwrap(), "first");
    }

    // Failure modes: N1.
    #[test]
    fn our_description_leaves_before_our_candidates() {
        let (sender, mut told) = mpsc::unbounded_channel();
        let outbox = Outbox::new(sender);
        outbox.candidate(candidate(1));
        outbox.description("v=0".into()).unwrap();
        outbox.candidate(candidate(2));
        assert_eq!(told.try_recv().unwrap(), ToViewer::Description("v=0".into()));
        assert_eq!(told.try_recv().unwrap(), ToViewer::Candidate(candidate(1)));
        assert_eq!(told.try_recv().unwrap(), ToViewer::Candidate(candidate(2)));
    }

    #[test]
    fn a_description_for_nobody_is_a_fault() {
        let (sender, told) = mpsc::unbounded_channel();
        drop(told);
        let fault = Outbox::new(sender).description(String::new()).unwrap_err();
        assert_eq!(fault.code, FaultCode::SignallingGone);
    }
}
