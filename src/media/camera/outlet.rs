// SPDX-License-Identifier: MIT OR Apache-2.0
//! Outlets: one task per link, which writes its queue and reads what the viewer wants.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::link::{Frame, Kind, LinkError, LinkSocket};
use shutterd::wire::{CameraFact, SessionId};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::fanout::Fanout;
use super::keyframes;
use super::pipeline::Pipeline;
use super::rates::{self, Rates};
use crate::media::control::Reporter;
use crate::media::state::Stage;

/// Every link of this camera.
#[derive(Debug)]
pub(super) struct Outlets {
    fanout: Arc<Fanout>,
    wishes: Arc<Notify>,
    /// What the viewers' paths take.
    pub(super) rates: Arc<Rates>,
    reporter: Reporter<CameraFact>,
    running: HashMap<SessionId, (CancellationToken, JoinHandle<()>)>,
    tracker: TaskTracker,
    /// Owns the tasks that pass on what the viewers want of the encoder.
    _to_encoder: JoinSet<()>,
}

impl Outlets {
    /// No links yet.
    pub(super) fn new(
        fanout: Arc<Fanout>,
        stage: &Stage<Option<Pipeline>>,
        reporter: Reporter<CameraFact>,
    ) -> Self {
        let wishes = Arc::new(Notify::new());
        let rates = Arc::<Rates>::default();
        let mut to_encoder = JoinSet::new();
        to_encoder.spawn(keyframes::serve(Arc::clone(&wishes), stage.clone()));
        to_encoder.spawn(rates::serve(Arc::clone(&rates), Arc::clone(&fanout), stage.clone()));
        let (running, tracker) = Default::default();
        Self { fanout, wishes, rates, reporter, running, tracker, _to_encoder: to_encoder }
    }

    /// Adds a link, then asks for a keyframe if it has none to begin with: the other way round it
    /// could be encoded before the link is there to get it. Returns the stream's caps.
    pub(super) async fn attach(
        &mut self,
        session: SessionId,
        socket: OwnedFd,
    ) -> Result<String, Fault> {
        self.detach(session).await;
        let link = LinkSocket::new(socket)
            .map_err(|error| Fault::new(FaultCode::WireInvalid, format!("the link: {error}")))?;
        let (caps, frames) = self.fanout.add(session).ok_or_else(|| {
            Fault::new(FaultCode::MessageInvalid, "the stream's caps are not known yet")
        })?;
        if self.fanout.is_behind(session) {
            self.wishes.notify_one();
        }
        self.rates.join();
        let (detached, fanout, wishes, rates, reporter) = (
            CancellationToken::new(),
            Arc::clone(&self.fanout),
            Arc::clone(&self.wishes),
            Arc::clone(&self.rates),
            self.reporter.clone(),
        );
        let stop = detached.clone();
        let task = self.tracker.spawn(async move {
            let end = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                end = read(&link, session, &wishes, &rates) => Some(end),
                end = write(&link, frames, session, &fanout, &wishes) => Some(end),
            };
            let dropped = fanout.remove(session).unwrap_or_default();
            rates.leave(session);
            tracing::info!(%session, dropped, end = end.as_ref().map(tracing::field::display), "link closed");
            if end.is_some() {
                reporter.fact(CameraFact::LinkGone(session));
            }
        });
        self.running.insert(session, (detached, task));
        Ok(caps)
    }

    /// Ends a link and waits until its socket is closed.
    pub(super) async fn detach(&mut self, session: SessionId) {
        if let Some((detached, task)) = self.running.remove(&session) {
            detached.cancel();
            // It cannot fail: it neither panics nor is aborted.
            let _ = task.await;
        }
    }

    /// Ends every link.
    pub(super) async fn detach_all(&mut self) {
        let sessions: Vec<_> = self.running.keys().copied().collect();
        for session in sessions {
            self.detach(session).await;
        }
    }
}

async fn read(link: &LinkSocket, session: SessionId, wishes: &Notify, rates: &Rates) -> LinkError {
    loop {
        match link.next().await {
            Ok((header, _)) => match header.kind {
                Kind::KeyframeWanted => wishes.notify_one(),
                Kind::Bitrate => {
                    rates.hear(session, u32::try_from(header.time).unwrap_or(u32::MAX));
                }
                Kind::Caps | Kind::AccessUnit { .. } => {
                    tracing::warn!("a peer sent what only a camera sends");
                    return LinkError::Closed;
                }
            },
            Err(end) => return end,
        }
    }
}

async fn write(
    link: &LinkSocket,
    mut frames: mpsc::Receiver<Arc<Frame>>,
    session: SessionId,
    fanout: &Fanout,
    wishes: &Notify,
) -> LinkError {
    while let Some(frame) = frames.recv().await {
        if let Err(error) = link.send(&frame).await {
            return error.into();
        }
        // Only now is there room for the keyframe: asked for at the loss, it would be lost too,
        // and while a viewer is stuck every other would pay for keyframes.
        if frames.is_empty() && fanout.is_behind(session) {
            wishes.notify_one();
        }
    }
    LinkError::Closed
}
