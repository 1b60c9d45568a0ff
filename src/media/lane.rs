// SPDX-License-Identifier: MIT OR Apache-2.0
//! A lane: commands of one session, or of the camera, one at a time in order of arrival. A teardown
//! command ends what runs or waits before it; a teardown is never ended by anything.

use std::future::Future;
use std::os::fd::OwnedFd;

use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::Request;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The end of a lane where commands come in.
#[derive(Debug)]
pub(crate) struct Lane<C> {
    queue: mpsc::UnboundedSender<Order<C>>,
    start: CancellationToken,
}

/// A command with what came beside it.
#[derive(Debug)]
pub(crate) struct Order<C> {
    /// The number its report carries.
    pub(crate) id: u64,
    /// What to do.
    pub(crate) command: C,
    /// The descriptors that came beside it.
    pub(crate) fds: Vec<OwnedFd>,
    /// Whether a teardown has overtaken it. Never, for a teardown itself.
    pub(crate) overtaken: CancellationToken,
}

/// A lane and the end from which its commands are taken.
pub(crate) fn lane<C>() -> (Lane<C>, mpsc::UnboundedReceiver<Order<C>>) {
    let (queue, orders) = mpsc::unbounded_channel();
    (Lane { queue, start: CancellationToken::new() }, orders)
}

impl<C> Lane<C> {
    /// Adds a command. With `teardown`, all that was added before it and is no teardown ends now.
    pub(crate) fn add(&mut self, request: Request<C>, fds: Vec<OwnedFd>, teardown: bool) {
        let overtaken = if teardown {
            std::mem::take(&mut self.start).cancel();
            CancellationToken::new()
        } else {
            self.start.clone()
        };
        // The lane's task ends after its last command; what comes later has no one to do it.
        let _ = self.queue.send(Order { id: request.id, command: request.command, fds, overtaken });
    }
}

/// Waits for `work` unless a teardown overtakes it.
pub(crate) async fn unless_overtaken<T>(
    overtaken: &CancellationToken,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::select! {
        biased;
        () = overtaken.cancelled() => Err(Fault::new(
            FaultCode::ShuttingDown,
            "ended by a teardown command that came after it",
        )),
        result = work => result,
    }
}
