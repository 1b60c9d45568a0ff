// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control loop: commands in, reports out. It never waits for a command to be done.

use std::fmt::Debug;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Serialize, de::DeserializeOwned};
use shutterd::lifecycle::Fault;
use shutterd::wire::socket::ControlSocket;
use shutterd::wire::{Reply, Report, Request};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Reports that may wait for the daemon to read them before what the viewer sends is left out.
const CROWDED: usize = 256;

/// A worker of one role.
pub(crate) trait Worker {
    /// What it is told.
    type Command: DeserializeOwned + Debug;
    /// What it says unasked.
    type Fact: Serialize + Debug + Send + 'static;

    /// A worker that reports to `reporter` and cancels `finished` after its last report.
    fn new(reporter: Reporter<Self::Fact>, finished: CancellationToken) -> Self;

    /// Takes a command, to be done later.
    fn accept(&mut self, request: Request<Self::Command>, fds: Vec<OwnedFd>);
}

/// How the control loop ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The worker's work is done and reported.
    Finished,
    /// The daemon is not of this version.
    Invalid(io::Error),
}

/// Sends reports; callbacks on any thread may use it, and it never waits.
#[derive(Debug)]
pub(crate) struct Reporter<F> {
    queue: mpsc::UnboundedSender<Report<F>>,
    waiting: Arc<AtomicUsize>,
}

impl<F> Clone for Reporter<F> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), waiting: Arc::clone(&self.waiting) }
    }
}

impl<F> Reporter<F> {
    /// A reporter whose reports nobody reads.
    pub(crate) fn to_nobody() -> Self {
        let (queue, _) = mpsc::unbounded_channel();
        Self { queue, waiting: Arc::default() }
    }

    /// Reports how the command of number `id` went.
    pub(crate) fn result(&self, id: u64, result: Result<Reply, Fault>) {
        self.send(match result {
            Ok(reply) => Report::Done { id, reply },
            Err(fault) => Report::Failed { id, fault },
        });
    }

    /// Reports that something happened.
    pub(crate) fn fact(&self, fact: F) {
        self.send(Report::Fact(fact));
    }

    /// Whether the daemon is far behind in reading, so that what a viewer can cause without bound
    /// must be left out.
    pub(crate) fn crowded(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= CROWDED
    }

    fn send(&self, report: Report<F>) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // The receiver lives as long as the control loop; after it there is nobody to tell.
        let _ = self.queue.send(report);
    }
}

/// Serves the control socket `control` with a worker of role `W` until its work is done.
///
/// # Errors
/// When the socket cannot be polled.
pub(crate) async fn serve<W: Worker>(control: OwnedFd) -> io::Result<End> {
    let socket = ControlSocket::new(control)?;
    let (queue, reports) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let finished = CancellationToken::new();
    let reporter = Reporter { queue, waiting: Arc::clone(&waiting) };
    let worker = W::new(reporter, finished.clone());
    tokio::select! {
        end = read(&socket, worker) => Ok(end),
        end = write(&socket, reports, &waiting, &finished) => Ok(end),
    }
}

async fn read<W: Worker>(socket: &ControlSocket, mut worker: W) -> End {
    loop {
        match socket.receive::<Request<W::Command>>().await {
            Ok(Some((request, fds))) => {
                tracing::debug!(id = request.id, "{}", name_of(&request.command));
                worker.accept(request, fds);
            }
            // The end of the daemon is the business of `hangup`, which is ending this process.
            Ok(None) => std::future::pending().await,
            Err(error) => return End::Invalid(error),
        }
    }
}

async fn write<F: Serialize + Debug>(
    socket: &ControlSocket,
    mut reports: mpsc::UnboundedReceiver<Report<F>>,
    waiting: &AtomicUsize,
    finished: &CancellationToken,
) -> End {
    loop {
        let report = tokio::select! {
            biased;
            report = reports.recv() => report,
            () = finished.cancelled() => None,
        };
        let Some(report) = report else { return End::Finished };
        waiting.fetch_sub(1, Ordering::Relaxed);
        if let Err(error) = socket.send(&report, &[]).await {
            if error.kind() != io::ErrorKind::InvalidInput {
                tracing::warn!(%error, "the daemon does not take reports");
                std::future::pending::<()>().await;
            }
            tracing::error!(%error, "a report was too large and is left out");
        }
    }
}

/// The command's name alone: session descriptions and candidates are the viewer's business.
fn name_of(command: &impl Debug) -> String {
    let text = format!("{command:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}
