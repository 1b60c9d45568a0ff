// SPDX-License-Identifier: MIT OR Apache-2.0
//! A camera that we closed and that is still held: the last rungs of the release ladder. Starts are
//! refused with the holder's name, the board's hook is tried, and the fault clears by itself as
//! soon as the oracle sees the node free.

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use futures_util::future::select_all;
use tokio::time::timeout;

use super::Camera;
use super::close::CLOSED_WITHIN;
use super::leases::{GivenBack, Leases};
use super::run::CameraWorker;
use crate::device::{Holder, Kin, Observation};
use crate::lifecycle::{Fault, FaultCode};
use crate::session::status::CameraState;
use crate::wire::SessionId;
use crate::worker::Process;

/// A holder that lives on may have closed the node: it is looked at this often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What still holds the camera.
#[derive(Debug)]
pub(super) struct Wedge {
    pub(super) fault: Fault,
    /// Our own worker that does not end.
    worker: Option<CameraWorker>,
}

impl Camera {
    /// The close could not be observed: new starts are refused until the oracle says otherwise.
    pub async fn latch(self: &Arc<Self>, session: SessionId) {
        let GivenBack::Last(run) = self.give_back(session) else { return };
        let seen = self.shutter.await_closed(CLOSED_WITHIN).await;
        let worker = run.lingering();
        match worker.is_none() && seen.is_closed() {
            true => self.closed(&run),
            false => self.wedge(self.leases(), seen, worker),
        }
    }

    /// What the oracle sees at the service's start; `None` when somebody was quicker to open the
    /// camera. A worker of an earlier run that still has it is a wedge. Any other program may have
    /// it: then a start is refused, as at any time.
    pub(in crate::session) async fn survey(self: &Arc<Self>) -> Option<Observation> {
        if *self.state.borrow() != CameraState::Closed {
            return None;
        }
        let seen = self.shutter.survey().await;
        let left = |holder: &Holder| holder.kin == Kin::EarlierWorker;
        let leases = self.leases();
        if leases.run.is_none() && seen.evidence.holders.iter().any(left) {
            self.wedge(leases, seen.clone(), None);
        } else {
            drop(leases);
            self.publish();
        }
        Some(seen)
    }

    /// Waits until the camera is not wedged. Cancel-safe.
    pub(in crate::session) async fn released(&self) {
        let mut state = self.state.subscribe();
        // The sender lives in self: this cannot fail.
        let _ = state.wait_for(|state| *state != CameraState::Wedged).await;
    }

    fn wedge(
        self: &Arc<Self>,
        mut leases: MutexGuard<'_, Leases>,
        seen: Observation,
        worker: Option<CameraWorker>,
    ) {
        let fault = self.wedged_by(&seen, worker.as_ref());
        tracing::error!(camera = self.config.name, %fault, "camera is wedged");
        leases.wedge = Some(Wedge { fault, worker });
        leases.run = None;
        drop(leases);
        self.become_state(CameraState::Wedged);
        let camera = Arc::clone(self);
        self.tasks.spawn(async move {
            camera.ending.run_until_cancelled(camera.release(seen)).await;
        });
    }

    /// Tries the hook, then watches until the node is free.
    async fn release(&self, mut seen: Observation) {
        self.recover(&seen.to_string()).await;
        while self.unwedge().await.is_err() {
            any_ended(&seen.evidence.holders).await;
            seen = self.shutter.await_closed(Duration::ZERO).await;
        }
    }

    /// Clears the wedge if its worker is gone and the oracle sees the node free.
    pub(super) async fn unwedge(&self) -> Result<(), Fault> {
        if self.leases().wedge.is_none() {
            return Ok(());
        }
        let seen = self.shutter.await_closed(Duration::ZERO).await;
        let mut leases = self.leases();
        let Some(wedge) = &mut leases.wedge else { return Ok(()) };
        wedge.worker.take_if(|worker| worker.is_gone());
        if wedge.worker.is_some() || !seen.is_closed() {
            wedge.fault = self.wedged_by(&seen, wedge.worker.as_ref());
            return Err(wedge.fault.clone());
        }
        leases.wedge = None;
        drop(leases);
        tracing::info!(camera = self.config.name, "camera is free again");
        self.become_state(CameraState::Closed);
        Ok(())
    }

    pub(super) fn wedged_by(&self, seen: &Observation, worker: Option<&CameraWorker>) -> Fault {
        let name = &self.config.name;
        let detail = match worker {
            Some(worker) => format!("{name}: worker {} does not end", worker.pid()),
            None => format!("{name} is {seen}"),
        };
        Fault::new(FaultCode::CameraWedged, detail)
    }
}

/// Waits until a holder has ended, or it is time to look again.
async fn any_ended(holders: &[Holder]) {
    let ends: Vec<_> = holders.iter().map(|holder| Box::pin(Process::ended(holder.pid))).collect();
    let any = async {
        match ends.is_empty() {
            true => std::future::pending().await,
            false => drop(select_all(ends).await),
        }
    };
    let _ = timeout(LOOK_AGAIN, any).await;
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    /// No process has this number: the kernel's are at most 4194304.
    const NOBODY: u32 = 4_194_305;

    fn holder(pid: u32) -> Holder {
        Holder { pid, command: "cheese".to_owned(), kin: Kin::Stranger }
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_that_cannot_be_watched_is_looked_at_again_in_time() {
        for holders in [vec![NOBODY], vec![u32::MAX], vec![NOBODY, std::process::id()]] {
            let began = Instant::now();
            any_ended(&holders.iter().copied().map(holder).collect::<Vec<_>>()).await;
            assert_eq!(began.elapsed(), LOOK_AGAIN, "{holders:?}");
        }
    }
}
