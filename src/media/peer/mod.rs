// SPDX-License-Identifier: MIT OR Apache-2.0
//! The peer worker: for each session a pipeline of its own,
//! `appsrc ! payloader ! webrtcbin`, fed by the camera's link through the gate.

mod candidates;
mod caps;
mod channel;
mod connection;
mod estimate;
mod extensions;
mod flow;
mod gate;
mod goodbye;
mod handshake;
mod inlet;
mod link;
mod liveness;
mod negotiation;
mod outage;
mod payload;
mod playout_delay;
mod promise;
mod queue;
mod retransmission;
mod session;
mod signs;
mod stats;
mod tap;
mod tracks;
mod warm;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::{PeerCommand, PeerFact, Reply, Request, SessionId};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::control::{Reporter, Worker};
use super::lane::{Lane, lane};
use session::Session;

/// The control loop's side: a lane for each session.
#[derive(Debug)]
pub(crate) struct PeerWorker {
    lanes: Lanes,
    reporter: Reporter<PeerFact>,
    finished: CancellationToken,
    tasks: JoinSet<()>,
}

/// The sessions alive. Shared with their tasks, which take themselves out.
#[derive(Clone, Debug, Default)]
struct Lanes(Arc<Mutex<HashMap<SessionId, Lane<PeerCommand>>>>);

impl Lanes {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Lane<PeerCommand>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker for PeerWorker {
    type Command = PeerCommand;
    type Fact = PeerFact;

    fn new(reporter: Reporter<PeerFact>, finished: CancellationToken) -> Self {
        Self { lanes: Lanes::default(), reporter, finished, tasks: JoinSet::new() }
    }

    fn accept(&mut self, request: Request<PeerCommand>, fds: Vec<OwnedFd>) {
        if request.command == PeerCommand::Ping {
            return self.reporter.result(request.id, Ok(Reply::Done));
        }
        #[cfg(feature = "faults")]
        if let PeerCommand::Plant(faults) = request.command {
            return super::planted::plan(faults);
        }
        let Some(session) = session_of(&request.command) else {
            return self.prepare(request.id);
        };
        let teardown = is_teardown(&request.command);
        if matches!(request.command, PeerCommand::CreatePeer { .. })
            && !self.lanes.lock().contains_key(&session)
            && let Err(error) = self.begin(session)
        {
            let fault = Fault::new(FaultCode::WorkerUnavailable, error.to_string());
            return self.reporter.result(request.id, Err(fault));
        }
        let mut lanes = self.lanes.lock();
        match lanes.get_mut(&session) {
            Some(lane) => lane.add(request, fds, teardown),
            // An undo accepts that there is nothing to undo.
            None if teardown => {
                self.reporter.result(request.id, Ok(Reply::Done));
                let last = matches!(request.command, PeerCommand::DestroyPeer { .. });
                if last && lanes.is_empty() {
                    self.finished.cancel();
                }
            }
            None => self.reporter.result(
                request.id,
                Err(Fault::new(FaultCode::SessionUnknown, format!("no session {session} here"))),
            ),
        }
    }
}

impl PeerWorker {
    /// Starts the session's lane.
    fn begin(&mut self, id: SessionId) -> std::io::Result<()> {
        let (lane, orders) = lane();
        let session = Session::new(id, self.reporter.clone())?;
        self.lanes.lock().insert(id, lane);
        let (lanes, finished) = (self.lanes.clone(), self.finished.clone());
        self.tasks.spawn(async move {
            session.serve(orders).await;
            let mut lanes = lanes.lock();
            lanes.remove(&id);
            if lanes.is_empty() {
                finished.cancel();
            }
        });
        // What has ended is let go of here: there is no other moment at which it matters.
        while self.tasks.try_join_next().is_some() {}
        Ok(())
    }

    fn prepare(&mut self, id: u64) {
        let reporter = self.reporter.clone();
        self.tasks.spawn(async move {
            reporter.result(id, warm::run().await.map(|()| Reply::Done));
        });
    }
}

fn is_teardown(command: &PeerCommand) -> bool {
    matches!(
        command,
        PeerCommand::DisableTracks { .. }
            | PeerCommand::DestroyStream { .. }
            | PeerCommand::DestroyDataChannel { .. }
            | PeerCommand::DestroyPeer { .. }
    )
}

fn session_of(command: &PeerCommand) -> Option<SessionId> {
    use PeerCommand as C;
    match *command {
        C::Ping | C::Prepare => None,
        #[cfg(feature = "faults")]
        C::Plant(_) => None,
        C::CreatePeer { session, .. }
        | C::CreateStream { session }
        | C::AddTracks { session, .. }
        | C::CreateDataChannel { session }
        | C::CreateOffer { session }
        | C::SetRemoteOffer { session, .. }
        | C::CreateAnswer { session }
        | C::SetRemoteAnswer { session, .. }
        | C::AddCandidates { session, .. }
        | C::AwaitConnected { session }
        | C::EnableTracks { session }
        | C::DisableTracks { session }
        | C::DestroyStream { session }
        | C::DestroyDataChannel { session }
        | C::DestroyPeer { session }
        | C::SendMessage { session, .. }
        | C::Stats { session } => Some(session),
    }
}

/// A command that does not fit what the session has so far.
fn wrong_state(detail: &str) -> Fault {
    Fault::new(FaultCode::MessageInvalid, detail)
}
