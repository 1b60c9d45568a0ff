// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who holds the camera: the sessions with a lease, and what each of them is to be told.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::run::{Loss, Run};
use super::wedge::Wedge;
use crate::lifecycle::Fault;
use crate::wire::SessionId;

/// What is known of the camera, all of it under one lock.
#[derive(Debug, Default)]
pub(super) struct Leases {
    pub(super) holders: BTreeMap<SessionId, Lease>,
    pub(super) run: Option<Arc<Run>>,
    pub(super) wedge: Option<Wedge>,
}

/// One session's hold on the camera.
#[derive(Debug)]
pub(super) struct Lease {
    /// Its viewer sees the picture: then a failure of the camera is sat out.
    watching: bool,
    lost: watch::Sender<Option<Loss>>,
    links: mpsc::UnboundedSender<OwnedFd>,
}

/// What a session hears of its lease, as long as it has it.
#[derive(Debug)]
pub struct Held {
    /// The camera is lost for good.
    pub lost: watch::Receiver<Option<Loss>>,
    /// The camera was opened again: the peer's end of a new link.
    pub links: mpsc::UnboundedReceiver<OwnedFd>,
}

/// What giving a lease back means.
pub(super) enum GivenBack {
    /// The camera stays open for this many others, or was never held.
    Kept(usize),
    /// It was the last: whoever gave it back closes the camera.
    Last(Arc<Run>),
}

impl Leases {
    /// Adds a lease.
    pub(super) fn give(&mut self, session: SessionId) -> Held {
        let (lost, is_lost) = watch::channel(None);
        let (links, new_links) = mpsc::unbounded_channel();
        self.holders.insert(session, Lease { watching: false, lost, links });
        Held { lost: is_lost, links: new_links }
    }

    /// Takes a lease back. Idempotent: the session that gave the last one back remains the closer.
    pub(super) fn take_back(&mut self, session: SessionId) -> GivenBack {
        let held = self.holders.remove(&session).is_some();
        let others = self.holders.len();
        match &self.run {
            Some(run) if run.is_closed_by(session) => GivenBack::Last(Arc::clone(run)),
            Some(run) if held && others == 0 => {
                // Only here, under the lock, so that no lease is given on a run that is closing.
                run.close_by(session);
                GivenBack::Last(Arc::clone(run))
            }
            _ => GivenBack::Kept(others),
        }
    }

    /// What is wrong with the camera: it is wedged, or it failed and is being opened again.
    pub(super) fn fault(&self) -> Option<Fault> {
        let wedge = self.wedge.as_ref().map(|wedge| wedge.fault.clone());
        wedge.or_else(|| self.run.as_ref()?.outage.borrow().clone())
    }

    /// The session's viewer sees the picture from now on.
    pub(super) fn watches(&mut self, session: SessionId) {
        if let Some(lease) = self.holders.get_mut(&session) {
            lease.watching = true;
        }
    }

    /// Tells those who have no picture yet that the camera is lost; whether somebody has one.
    pub(super) fn tell_starting(&self, loss: &Loss) -> bool {
        for lease in self.holders.values().filter(|lease| !lease.watching) {
            lease.lost.send_replace(Some(loss.clone()));
        }
        self.holders.values().any(|lease| lease.watching)
    }

    /// Tells everybody that the camera is lost.
    pub(super) fn tell_all(&self, loss: &Loss) {
        for lease in self.holders.values() {
            lease.lost.send_replace(Some(loss.clone()));
        }
    }

    /// The sessions whose viewers saw the picture, and where their new links go.
    pub(super) fn watching(&self) -> Vec<(SessionId, mpsc::UnboundedSender<OwnedFd>)> {
        let watching = self.holders.iter().filter(|(_, lease)| lease.watching);
        watching.map(|(session, lease)| (*session, lease.links.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::FaultCode;

    const A: SessionId = SessionId(1);
    const B: SessionId = SessionId(2);

    fn loss() -> Loss {
        Loss::Failed(Fault::new(FaultCode::CameraError, "planted"))
    }

    #[test]
    fn a_failure_is_news_to_those_who_have_no_picture_yet() {
        let mut leases = Leases::default();
        let (a, b) = (leases.give(A), leases.give(B));
        leases.watches(A);
        assert!(leases.tell_starting(&loss()));
        assert_eq!((a.lost.borrow().clone(), b.lost.borrow().clone()), (None, Some(loss())));
        assert_eq!(leases.watching().iter().map(|(session, _)| *session).collect::<Vec<_>>(), [A]);
        leases.tell_all(&loss());
        assert_eq!(*a.lost.borrow(), Some(loss()));
    }

    #[test]
    fn with_nobody_watching_everybody_is_told() {
        let mut leases = Leases::default();
        let a = leases.give(A);
        assert!(!leases.tell_starting(&loss()));
        assert_eq!(*a.lost.borrow(), Some(loss()));
    }

    #[test]
    fn a_lease_that_was_never_given_is_not_the_last() {
        let mut leases = Leases::default();
        assert!(matches!(leases.take_back(A), GivenBack::Kept(0)));
        leases.give(B);
        assert!(matches!(leases.take_back(A), GivenBack::Kept(1)));
    }
}
