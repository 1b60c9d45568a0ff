// SPDX-License-Identifier: MIT OR Apache-2.0
//! The peer's end of the camera's link: one task that reads access units and asks for keyframes.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::link::{Frame, Header, HeaderError, Kind, LinkError, LinkSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Scene;
use super::gate::Unit;
use super::signs::Signs;
use super::tracks::Feed;
use crate::media::state::Stage;

/// How far a link is.
#[derive(Clone, Debug, PartialEq)]
enum Stream {
    Unknown,
    Caps(String),
    Ended(Fault),
}

/// A link in use. Ended by [`Link::close`].
#[derive(Debug)]
pub(super) struct Link {
    stream: watch::Receiver<Stream>,
    closed: CancellationToken,
    task: JoinHandle<()>,
}

/// Begins to read a link.
pub(super) fn open(
    socket: OwnedFd,
    feed: &Arc<Feed>,
    signs: &Arc<Signs>,
    stage: &Stage<Scene>,
    tracker: &TaskTracker,
) -> Result<Link, Fault> {
    let link = LinkSocket::new(socket)
        .map_err(|error| Fault::new(FaultCode::WireInvalid, format!("the link: {error}")))?;
    // What comes does not follow what came over an earlier link.
    feed.gate().interrupt();
    let (sender, stream) = watch::channel(Stream::Unknown);
    let closed = CancellationToken::new();
    let (stop, feed, signs, stage) =
        (closed.clone(), Arc::clone(feed), Arc::clone(signs), stage.clone());
    let task = tracker.spawn(async move {
        let error = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            error = read(&link, &feed, &sender, &signs, &stage) => error,
            error = ask(&link, &feed) => error,
        };
        feed.gate().interrupt();
        let fault = match error {
            LinkError::Closed | LinkError::Io(_) => {
                Fault::new(FaultCode::WorkerGone, format!("the camera's link: {error}"))
            }
            LinkError::Header(_) | LinkError::Memory(_) => {
                Fault::new(FaultCode::WireInvalid, error.to_string())
            }
        };
        tracing::info!(%fault, "link ended");
        // That the camera is gone is the daemon's to know; that it speaks nonsense is not.
        if fault.code == FaultCode::WireInvalid {
            signs.failed(fault.clone());
        }
        sender.send_replace(Stream::Ended(fault));
    });
    Ok(Link { stream, closed, task })
}

impl Link {
    /// Waits for the stream's caps.
    pub(super) fn await_caps(&self) -> impl Future<Output = Result<(), Fault>> + 'static {
        let mut stream = self.stream.clone();
        async move {
            match stream.wait_for(|s| *s != Stream::Unknown).await.as_deref() {
                Ok(Stream::Ended(fault)) => Err(fault.clone()),
                Ok(_) => Ok(()),
                Err(_) => Err(Fault::new(FaultCode::WorkerGone, "the link was closed")),
            }
        }
    }

    /// Ends the link; done when its socket is closed.
    pub(super) async fn close(self) {
        self.closed.cancel();
        // It cannot fail: it neither panics nor is aborted.
        let _ = self.task.await;
    }
}

async fn read(
    link: &LinkSocket,
    feed: &Feed,
    stream: &watch::Sender<Stream>,
    signs: &Arc<Signs>,
    stage: &Stage<Scene>,
) -> LinkError {
    loop {
        let (Header { kind, time, .. }, payload) = match link.next().await {
            Ok(frame) => frame,
            Err(error) => return error,
        };
        match kind {
            Kind::AccessUnit { keyframe } if *stream.borrow() != Stream::Unknown => {
                feed.take(Unit { bytes: payload, keyframe, time });
            }
            Kind::Caps => {
                let Ok(caps) = String::from_utf8(payload) else {
                    return HeaderError::Kind(1).into();
                };
                let (for_tracks, signs) = (caps.clone(), Arc::clone(signs));
                let applied = stage.run(move |scene, _| match scene {
                    Some(peer) => peer.set_stream(for_tracks),
                    None => Ok(()),
                });
                // Before the units that follow: they are of these caps.
                match applied.await {
                    Ok(Ok(())) => {}
                    Ok(Err(fault)) | Err(fault) => signs.failed(fault),
                }
                stream.send_replace(Stream::Caps(caps));
            }
            // Units before any caps, and what only a peer sends.
            Kind::AccessUnit { .. } => return HeaderError::Kind(2).into(),
            Kind::KeyframeWanted => return HeaderError::Kind(3).into(),
            Kind::Bitrate => return HeaderError::Kind(4).into(),
        }
    }
}

async fn ask(link: &LinkSocket, feed: &Feed) -> LinkError {
    let mut path = feed.path_bitrate.subscribe();
    // A camera that was opened again does not know what was said to the one before.
    path.mark_changed();
    loop {
        let (kind, time) = tokio::select! {
            () = feed.keyframe_wanted.notified() => (Kind::KeyframeWanted, 0),
            changed = path.changed() => match (changed, *path.borrow_and_update()) {
                (Ok(()), Some(bitrate)) => (Kind::Bitrate, u64::from(bitrate)),
                (Ok(()), None) => continue,
                (Err(_), _) => return LinkError::Closed,
            },
        };
        if let Err(error) = link.send(&Frame::bare(kind, time)).await {
            return error.into();
        }
    }
}
