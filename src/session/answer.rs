// SPDX-License-Identifier: MIT OR Apache-2.0
//! An offer answered in one piece: WHEP, and `Start` on the system bus.

use super::{Negotiation, Registry, SessionHandle, whole};
use crate::lifecycle::{Fault, FaultCode, Outcome, StopReason};
use crate::sdp::Offer;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Unanswered {
    /// The session was refused.
    Refused(Fault),
    /// It ended before there was one.
    Ended(Outcome),
}

/// Stops a session whose viewer never got its answer: whoever asked gave up while it waited.
struct Waiting(Option<SessionHandle>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            session.stop(StopReason::Viewer);
        }
    }
}

impl Registry {
    /// Starts a session on `camera` for `viewer`, who offers; resolves with the answer and every candidate
    /// of the device in it. Bounded by the deadlines of the session. Cancel-safe: the session is stopped
    /// then, as nobody would have its answer.
    ///
    /// # Errors
    /// Those of [`Registry::start`], or how the session ended instead.
    pub async fn answer(
        &self,
        camera: &str,
        offer: Offer,
        viewer: Option<String>,
    ) -> Result<(SessionHandle, String), Unanswered> {
        let negotiation = Negotiation::ViewerOffers(Box::new(offer));
        let started = self.start(camera, negotiation, viewer).map_err(Unanswered::Refused);
        let (session, mut words) = started?;
        let mut waiting = Waiting(Some(session.clone()));
        let answer = whole::gather(&mut words).await.map_err(|outcome| match outcome {
            Some(outcome) => Unanswered::Ended(outcome),
            None => Unanswered::Refused(Fault::new(
                FaultCode::SessionUnknown,
                "the session ended without a word",
            )),
        })?;
        waiting.0 = None;
        Ok((session, answer))
    }
}
