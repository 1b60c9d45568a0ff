// SPDX-License-Identifier: MIT OR Apache-2.0
//! A worker in its role: calls go in, facts come out, and its end is seen by everybody who waits.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::future::Future;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::task::TaskTracker;

use super::leftover;
use super::process::{Exit, Process};
use super::registry::KEEP_REGISTRY;
use crate::lifecycle::{Fault, FaultCode};
use crate::wire::socket::{ControlSocket, control_pair};
use crate::wire::{CameraCommand, CameraFact, PeerCommand, PeerFact, Reply, Report, Request};

/// How often a worker in use is asked whether it runs, and how long it may take to answer.
const ALIVE: Duration = Duration::from_secs(5);

/// What a worker process does, and the vocabulary it speaks.
pub trait Role: Send + Sync + 'static {
    /// What it is told.
    type Command: Serialize + std::fmt::Debug + Send + Sync + 'static;
    /// What it reports unasked.
    type Fact: DeserializeOwned + std::fmt::Debug + Send + 'static;
    /// The argument that selects the role.
    const NAME: &'static str;
    /// The command that is answered at once by a process that runs.
    fn ping() -> Self::Command;
    /// The command that tells a worker the plan of faults.
    #[cfg(feature = "faults")]
    fn plant(faults: Vec<crate::wire::planted::Planted>) -> Self::Command;
}

/// Has the camera open; no network.
#[derive(Debug)]
pub struct Camera;

/// Talks to viewers; no device.
#[derive(Debug)]
pub struct Peer;

impl Role for Camera {
    type Command = CameraCommand;
    type Fact = CameraFact;
    const NAME: &'static str = "camera";

    fn ping() -> CameraCommand {
        CameraCommand::Ping
    }

    #[cfg(feature = "faults")]
    fn plant(faults: Vec<crate::wire::planted::Planted>) -> CameraCommand {
        CameraCommand::Plant(faults)
    }
}

impl Role for Peer {
    type Command = PeerCommand;
    type Fact = PeerFact;
    const NAME: &'static str = "peer";

    fn ping() -> PeerCommand {
        PeerCommand::Ping
    }

    #[cfg(feature = "faults")]
    fn plant(faults: Vec<crate::wire::planted::Planted>) -> PeerCommand {
        PeerCommand::Plant(faults)
    }
}

struct Call<C> {
    command: C,
    fd: Option<OwnedFd>,
    reply: oneshot::Sender<Result<Reply, Fault>>,
}

/// A worker process. Shared by cloning; it is killed when the last clone is dropped.
#[derive(Debug)]
pub struct Worker<R: Role> {
    inner: Arc<Inner<R>>,
}

impl<R: Role> Clone for Worker<R> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

struct Inner<R: Role> {
    process: Arc<Process>,
    calls: mpsc::UnboundedSender<Call<R::Command>>,
    exit: watch::Receiver<Option<Exit>>,
    killed: AtomicBool,
}

impl<R: Role> std::fmt::Debug for Inner<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} worker {}", R::NAME, self.process.pid())
    }
}

impl<R: Role> Drop for Inner<R> {
    fn drop(&mut self) {
        self.process.kill();
    }
}

impl<R: Role> Worker<R> {
    /// Starts `program` in this role, for `service`: see [`super::leftover`]. Its task ends, with the process reaped, on `tasks`.
    ///
    /// # Errors
    /// `worker-unavailable` when the process cannot be started.
    pub fn spawn(
        program: &Path,
        service: &Path,
        tasks: &TaskTracker,
    ) -> Result<(Self, mpsc::UnboundedReceiver<R::Fact>), Fault> {
        let unavailable = |error: std::io::Error| {
            let detail = format!("{} {}: {error}", program.display(), R::NAME);
            Fault::new(FaultCode::WorkerUnavailable, detail)
        };
        let (ours, theirs) = control_pair().map_err(unavailable)?;
        let mark = leftover::mark(service);
        let variables = [KEEP_REGISTRY, (leftover::MARK, &mark)];
        let process = Process::spawn(program, &[OsStr::new(R::NAME)], &variables, theirs)
            .map_err(unavailable)?;
        let socket = ControlSocket::new(ours).map_err(unavailable)?;
        let (calls, call_queue) = mpsc::unbounded_channel();
        let (facts, fact_queue) = mpsc::unbounded_channel();
        let (exit_sent, exit) = watch::channel(None);
        let process = Arc::new(process);
        tracing::debug!(role = R::NAME, pid = process.pid(), "worker started");
        tasks.spawn(attend::<R>(Arc::clone(&process), socket, call_queue, facts, exit_sent));
        Ok((
            Self { inner: Arc::new(Inner { process, calls, exit, killed: AtomicBool::default() }) },
            fact_queue,
        ))
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.inner.process.pid()
    }

    /// Sends a command, and a descriptor beside it. It is on its way when this returns; the future
    /// is only for the reply and may be dropped.
    ///
    /// # Errors
    /// What the worker says, or `worker-gone`.
    pub fn call(
        &self,
        command: R::Command,
        fd: Option<OwnedFd>,
    ) -> impl Future<Output = Result<Reply, Fault>> + Send + 'static {
        let (reply, answer) = oneshot::channel();
        let sent = self.inner.calls.send(Call { command, fd, reply }).is_ok();
        let pid = self.pid();
        async move {
            let gone = || Fault::new(FaultCode::WorkerGone, format!("{} worker {pid}", R::NAME));
            if !sent {
                return Err(gone());
            }
            answer.await.unwrap_or_else(|_| Err(gone()))
        }
    }

    /// Sends SIGKILL. Returns at once; [`Worker::reaped`] observes the end.
    pub fn kill(&self) {
        self.inner.killed.store(true, Ordering::Release);
        self.inner.process.kill();
    }

    /// Whether it has ended or was killed: then it takes no command any more.
    pub fn is_ending(&self) -> bool {
        self.inner.killed.load(Ordering::Acquire) || self.is_gone()
    }

    /// Whether it has ended and is reaped.
    pub fn is_gone(&self) -> bool {
        self.inner.exit.borrow().is_some()
    }

    /// Waits until the process does not answer any more though it has not ended: it is frozen, or
    /// its control loop hangs. Asks every [`ALIVE`]. Never resolves once it has ended. Cancel-safe.
    pub async fn hung(&self) -> Fault {
        let mut ticks = interval_at(Instant::now() + ALIVE, ALIVE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.is_ending() {
                return std::future::pending().await;
            }
            if timeout(ALIVE, self.call(R::ping(), None)).await.is_err() {
                let detail = format!("{} worker {} does not answer", R::NAME, self.pid());
                return Fault::new(FaultCode::WorkerHung, detail);
            }
        }
    }

    /// Waits until the process has ended and is reaped: none of its descriptors is open any more.
    /// Cancel-safe, and may be called by many.
    pub async fn reaped(&self) -> Exit {
        let mut exit = self.inner.exit.clone();
        loop {
            if let Some(exit) = *exit.borrow_and_update() {
                return exit;
            }
            if exit.changed().await.is_err() {
                // Only when the runtime ends, and this process with it.
                return Exit::Signal(0);
            }
        }
    }
}

/// Carries calls and reports until the process has ended, then reaps it.
async fn attend<R: Role>(
    process: Arc<Process>,
    socket: ControlSocket,
    mut calls: mpsc::UnboundedReceiver<Call<R::Command>>,
    facts: mpsc::UnboundedSender<R::Fact>,
    exit_sent: watch::Sender<Option<Exit>>,
) {
    let pid = process.pid();
    let mut waiting = HashMap::new();
    let mut next_id = 1_u64;
    let mut hung_up = false;
    #[cfg(feature = "faults")]
    let mut plans = super::planted::plans();
    #[cfg(feature = "faults")]
    plans.mark_changed();
    let exit = loop {
        tokio::select! {
            biased;
            report = socket.receive::<Report<R::Fact>>(), if !hung_up => match report {
                Ok(Some((report, _))) => deliver::<R>(report, &mut waiting, &facts),
                Ok(None) => hung_up = true,
                Err(error) => {
                    tracing::error!(role = R::NAME, pid, %error, "not a report; the worker is ended");
                    hung_up = true;
                    process.kill();
                }
            },
            call = calls.recv(), if !hung_up => match call {
                Some(Call { command, fd, reply }) => {
                    #[cfg(feature = "faults")]
                    if plans.has_changed().unwrap_or_default() {
                        let command = R::plant(plans.borrow_and_update().clone());
                        let _ = socket.send(&Request { id: 0, command }, &[]).await;
                    }
                    let request = Request { id: next_id, command };
                    next_id += 1;
                    let fds: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
                    tracing::trace!(role = R::NAME, pid, id = request.id, command = ?request.command);
                    match socket.send(&request, &fds).await {
                        Ok(()) => { waiting.insert(request.id, reply); }
                        Err(error) => {
                            let detail = format!("{} worker {pid}: {error}", R::NAME);
                            let _ = reply.send(Err(Fault::new(unsent(&error), detail)));
                        }
                    }
                }
                // Nobody holds the worker any more: hanging up ends it (and Drop has killed it).
                None => hung_up = true,
            },
            exit = process.reaped() => break exit,
        }
    };
    while let Ok(Some((report, _))) = socket.try_receive::<Report<R::Fact>>() {
        deliver::<R>(report, &mut waiting, &facts);
    }
    let exit = exit.unwrap_or(Exit::Signal(0));
    match exit {
        Exit::Code(0) => tracing::debug!(role = R::NAME, pid, "worker ended"),
        exit => tracing::warn!(role = R::NAME, pid, %exit, "worker ended"),
    }
    // Published before the waiting calls fail, so that whoever they wake sees why.
    exit_sent.send_replace(Some(exit));
}

/// Why a command could not be sent. A worker may end before its end is heard of.
fn unsent(error: &std::io::Error) -> FaultCode {
    match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => FaultCode::WorkerGone,
        _ => FaultCode::WireInvalid,
    }
}

fn deliver<R: Role>(
    report: Report<R::Fact>,
    waiting: &mut HashMap<u64, oneshot::Sender<Result<Reply, Fault>>>,
    facts: &mpsc::UnboundedSender<R::Fact>,
) {
    let (id, result) = match report {
        Report::Done { id, reply } => (id, Ok(reply)),
        Report::Failed { id, fault } => (id, Err(fault)),
        Report::Fact(fact) => {
            // Nobody listens to a spare, nor to a worker whose session has ended.
            let _ = facts.send(fact);
            return;
        }
    };
    match waiting.remove(&id) {
        // Whoever asked may have been abandoned since.
        Some(reply) => drop(reply.send(result)),
        None => tracing::warn!(role = R::NAME, id, "report on no command"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    #[tokio::test]
    async fn a_command_to_a_worker_that_has_just_ended_says_that_it_is_gone() {
        let tasks = TaskTracker::new();
        let (worker, _facts) =
            Worker::<Peer>::spawn(Path::new("/bin/true"), Path::new("/nowhere"), &tasks).unwrap();
        // Nothing is awaited, so that its end is not heard of before the command is sent.
        let pid = Pid::from_raw(i32::try_from(worker.pid()).unwrap()).unwrap();
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], None).unwrap();
        let fault = worker.call(PeerCommand::Ping, None).await.unwrap_err();
        assert_eq!(fault.code, FaultCode::WorkerGone, "{fault}");
    }
}
