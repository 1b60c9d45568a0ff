// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plan of faults that `make faults` gives the service: kept here, heard by every worker, and
//! carried out by the daemon where it is the daemon's. Feature `faults` only.

use std::sync::LazyLock;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::watch;

use crate::lifecycle::{Fault, FaultCode};
use crate::wire::planted::{Misdeed, Place, Planted, When, at};

static PLAN: LazyLock<watch::Sender<Vec<Planted>>> = LazyLock::new(watch::Sender::default);

/// Replaces the plan. Workers hear of it before the next command that is sent to them.
pub fn plan(faults: Vec<Planted>) {
    PLAN.send_replace(faults);
}

/// The plan and its changes.
pub fn plans() -> watch::Receiver<Vec<Planted>> {
    PLAN.subscribe()
}

/// Does in the daemon what is planned for it on this side of `step`.
///
/// # Errors
/// The planned one.
pub async fn hit(step: &str, when: When) -> Result<(), Fault> {
    let planned = at(&PLAN.borrow(), Place::Daemon, step, when);
    let Some(misdeed) = planned else { return Ok(()) };
    tracing::warn!(step, ?when, ?misdeed, "planted fault");
    match misdeed {
        Misdeed::Error => {
            let detail = format!("planted {when:?} {step}").to_lowercase();
            return Err(Fault::new(FaultCode::MessageInvalid, detail));
        }
        // Until the plan is another one: so a test can hold a step and let it go.
        Misdeed::Hang => {
            let gone = |plan: &Vec<Planted>| at(plan, Place::Daemon, step, when).is_none();
            let _ = PLAN.subscribe().wait_for(gone).await;
        }
        Misdeed::Slow(ms) => {
            let never = std::future::pending::<()>();
            let _ = tokio::time::timeout(Duration::from_millis(ms), never).await;
        }
        Misdeed::Abort => std::process::abort(),
        // Again: the first is taken by Rust's own handler, which looks for a stack overflow.
        Misdeed::Segfault => loop {
            let _ = kill_process(getpid(), Signal::SEGV);
        },
        Misdeed::Freeze => drop(kill_process(getpid(), Signal::STOP)),
        Misdeed::Inherit | Misdeed::KeepBuffer | Misdeed::Uninterruptible => {}
    }
    Ok(())
}
