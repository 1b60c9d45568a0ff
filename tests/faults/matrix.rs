// SPDX-License-Identifier: MIT OR Apache-2.0
//! The matrix: every step of both roles × every trouble × {alone, another viewer watching}.
//!
//! Each cell asserts: the session ends with the right cause; the camera is observed closed within
//! the bound, or kept for the other viewer, whose picture goes on; a new session starts with no gap
//! and shows a picture; processes, threads and descriptors are what they were before.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use rustix::process::Signal;
use shutterd::lifecycle::{
    CameraOpens, Cause, FaultCode, Plan, Role, Step, StopReason, Worker, steps,
};
use shutterd::session::SessionStatus;
use shutterd::wire::planted::{Misdeed, Place, When};

use crate::stand::{BOUND, Disturbed, Stand, signal};
use crate::watcher::Watcher;

/// What happens to a session while it is at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    Error,
    Hang,
    WorkerKilled,
    WorkerSegfaults,
    StopAsked,
    ViewerVanishes,
    SignallingCut,
    Sigterm,
}

use Trouble::*;

const TROUBLES: [Trouble; 8] =
    [Error, Hang, WorkerKilled, WorkerSegfaults, StopAsked, ViewerVanishes, SignallingCut, Sigterm];

struct Cell {
    role: Role,
    step: Step,
    trouble: Trouble,
    /// Another viewer watches meanwhile.
    beside: bool,
}

/// What became of a cell.
enum Came {
    Ended(Disturbed),
    /// What was done to it is no reason to end: it runs.
    Runs(SessionStatus),
    /// It ended with the service, which said so in its log.
    Over,
}

impl Cell {
    /// Which worker the step is of, as far as there is one that does something at this step.
    fn worker(&self) -> Worker {
        match self.step.row().place {
            steps::Place::Camera => Worker::Camera,
            steps::Place::CameraAndPeer if self.step == Step::CreateStream => Worker::Camera,
            _ => Worker::Peer,
        }
    }

    /// Where to plant: beside another viewer the camera is open, and its worker is told nothing at
    /// `open-camera` and `create-source`; what the viewer has to say happens in no worker.
    fn place(&self) -> Place {
        match self.step {
            Step::OpenCamera | Step::CreateSource if self.beside => Place::Daemon,
            Step::AwaitAnswer | Step::SendAnswer => Place::Daemon,
            _ if self.worker() == Worker::Camera => Place::Camera,
            _ => Place::Peer,
        }
    }

    /// The answer waits for the camera to be open; that it delivers goes on beside.
    fn is_before_answer(&self) -> bool {
        self.step <= Step::SendAnswer
            && !matches!(self.step, Step::CreateSource | Step::CreateStream | Step::SetRemoteAnswer)
    }

    /// Whether `step` may be in progress together with this cell's.
    fn is_beside(&self, step: Step) -> bool {
        let camera =
            |step| matches!(step, Step::OpenCamera | Step::CreateSource | Step::CreateStream);
        camera(step) != camera(self.step)
    }

    async fn play(&self, stand: &mut Stand) {
        let other = match self.beside {
            true => Some(stand.watch(Role::Answerer).await),
            false => None,
        };
        let generation = stand.generation().await;
        let (watcher, came) = self.disturb(stand, generation, &other).await;
        match came {
            Came::Ended(disturbed) => self.ended_rightly(&disturbed),
            Came::Runs(session) => stand.stop(&session).await,
            Came::Over => {}
        }
        drop(watcher);
        if self.trouble == Sigterm {
            drop(other);
            // Zero, and not 69: every camera was observed closed.
            let ended = stand.service.ended();
            assert_eq!(ended.code(), Some(0), "{}", stand.service.said());
            *stand = Stand::new();
        } else if let Some((mut watcher, session)) = other {
            // Its picture goes on, in the same session.
            watcher.sees(5).await;
            let still = stand.service.status().await;
            let alive = still.sessions.iter().filter(|s| s.outcome.is_none()).count();
            assert_eq!((alive, still.cameras[0].viewers), (1, 1), "{still:#?}");
            stand.stop(&session).await;
        }
        stand.next_session_works(self.role).await;
        stand.is_as_before().await;
    }

    /// Starts the session and does to it what the cell is about.
    async fn disturb(
        &self,
        stand: &mut Stand,
        generation: u64,
        other: &Option<(Watcher, SessionStatus)>,
    ) -> (Watcher, Came) {
        let step = self.step.name();
        let planted = match self.trouble {
            Error => Some(Misdeed::Error),
            Hang => Some(Misdeed::Hang),
            WorkerSegfaults if self.place() != Place::Daemon => Some(Misdeed::Segfault),
            _ => None,
        };
        if let Some(misdeed) = planted {
            stand.plant(self.place(), step, When::Before, misdeed).await;
            let watcher = Watcher::start(stand.address(), self.role);
            let ended = stand.ended(generation).await;
            stand.clear().await;
            return (watcher, Came::Ended(ended));
        }
        // The step is held while it is done to the session: before it, or for a worker's end after
        // it, so that there is a worker.
        let by_signal = matches!(self.trouble, WorkerKilled | WorkerSegfaults);
        let when = if by_signal { When::After } else { When::Before };
        stand.plant(Place::Daemon, step, when, Misdeed::Hang).await;
        let watcher = Watcher::start(stand.address(), self.role);
        let session = stand.begun(generation).await;
        stand.service.wait_for_log(&format!(
            "session{{id={}}}: planted fault step=\"{step}\" when={when:?}",
            session.id
        ));
        match self.trouble {
            WorkerKilled | WorkerSegfaults => {
                let at = match self.worker() {
                    Worker::Camera => "open-camera",
                    Worker::Peer => "create-peer",
                };
                let of = other.as_ref().filter(|_| self.worker() == Worker::Camera);
                let pid = match (of, step) {
                    (Some((_, other)), _) => stand.worker(other, at).await,
                    // It has no note before it is over.
                    (None, step) if step == at => stand.newest_worker(self.worker()),
                    (None, _) => stand.worker(&session, at).await,
                };
                let kill = self.trouble == WorkerKilled;
                signal(pid, if kill { Signal::KILL } else { Signal::SEGV });
            }
            StopAsked => stand.stop(&session).await,
            ViewerVanishes => {
                watcher.vanish();
                stand.clear().await;
            }
            SignallingCut => {
                let is_answered = self.role == Role::Answerer && !self.is_before_answer();
                if is_answered {
                    watcher.answered().await;
                }
                watcher.cut();
                // That the service has noticed is an event of its own only while the viewer has
                // not got its answer, or has a WebSocket.
                if is_answered {
                    stand.clear().await;
                    return (watcher, Came::Runs(stand.running(generation).await));
                }
            }
            Sigterm => {
                stand.service.signal(Signal::TERM);
                let last = format!("session{{id={}}}: session ended", session.id);
                let last = stand.service.wait_for_log(&last);
                assert!(last.contains("cause=requested(shutdown) unclean=0"), "{self}: {last}");
                return (watcher, Came::Over);
            }
            Error | Hang => unreachable!("planted"),
        }
        let ended = stand.ended(generation).await;
        stand.clear().await;
        (watcher, Came::Ended(ended))
    }

    fn ended_rightly(&self, disturbed: &Disturbed) {
        let cause = &disturbed.outcome.cause;
        let requested = |by| *cause == Cause::Requested { by };
        let right = match self.trouble {
            Error => matches!(cause, Cause::StartFailed { step, fault }
                if *step == self.step && fault.detail.starts_with("planted")),
            Hang => *cause == Cause::StartLate { step: self.step },
            WorkerKilled | WorkerSegfaults => match cause {
                Cause::StartFailed { step, fault } => {
                    let needs_it = step.row().place.needs(self.worker());
                    (*step == self.step || self.is_beside(*step) && needs_it)
                        && fault.code == FaultCode::WorkerGone
                }
                // A step that is not the worker's.
                Cause::Lost { fault } => {
                    fault.code == FaultCode::WorkerGone
                        && !self.step.row().place.needs(self.worker())
                }
                _ => false,
            },
            StopAsked => requested(StopReason::Api),
            ViewerVanishes => match (self.step, cause) {
                (Step::EnableTracks, Cause::Lost { fault }) => {
                    fault.code == FaultCode::ViewerVanished
                }
                (_, Cause::StartLate { step }) => {
                    matches!(step, Step::AwaitAnswer | Step::AwaitConnected) && *step >= self.step
                }
                _ => false,
            },
            SignallingCut if self.role == Role::Answerer => requested(StopReason::Viewer),
            SignallingCut => matches!(cause, Cause::Lost { fault }
                if fault.code == FaultCode::SignallingGone),
            Sigterm => unreachable!("the log told"),
        };
        assert!(right, "{self}: ended by {cause}");
        assert_eq!(disturbed.outcome.held, [], "{self}");
        if !self.beside {
            let closed = disturbed.closed_after();
            // Without an open camera there is none to close.
            let opened = self.step >= Step::OpenCamera;
            assert!(
                closed.map_or(!opened, |closed| closed <= BOUND),
                "{self}: camera closed after {closed:?}"
            );
        }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let beside = if self.beside { "beside another" } else { "alone" };
        write!(f, "{:?} {} {:?} {beside}", self.role, self.step, self.trouble)
    }
}

/// Plays every cell of `role`, prints the table, and fails with all that failed.
async fn play(role: Role) {
    let plan = Plan::new(role, CameraOpens::default());
    // To look at one cell: MATRIX_STEP=create-source MATRIX_TROUBLE=Hang.
    let wanted = |key, name: &str| std::env::var(key).map_or(true, |only| only == name);
    let mut stand = Stand::new();
    let mut took = BTreeMap::<(Step, Trouble, bool), Duration>::new();
    let mut failed = Vec::new();
    for &step in plan.order() {
        for trouble in TROUBLES {
            for beside in [false, true] {
                if !wanted("MATRIX_STEP", step.name())
                    || !wanted("MATRIX_TROUBLE", &format!("{trouble:?}"))
                {
                    continue;
                }
                let began = std::time::Instant::now();
                let cell = Cell { role, step, trouble, beside };
                // A cell that fails says why as it does; the others are played all the same.
                match AssertUnwindSafe(cell.play(&mut stand)).catch_unwind().await {
                    Ok(()) => {
                        eprintln!("passed: {cell} ({:.1?})", began.elapsed());
                        took.insert((step, trouble, beside), began.elapsed());
                    }
                    Err(_) => {
                        eprintln!("FAILED: {cell}\n{}", stand.service.said());
                        failed.push(cell.to_string());
                        stand = Stand::new();
                    }
                }
            }
        }
    }
    eprintln!("{}", table(role, plan.order(), &took));
    assert!(failed.is_empty(), "{} cells failed:\n{}", failed.len(), failed.join("\n"));
    let whole = plan.order().len() * TROUBLES.len() * 2;
    let all =
        std::env::var_os("MATRIX_STEP").is_none() && std::env::var_os("MATRIX_TROUBLE").is_none();
    assert!(took.len() == whole || !all, "{} of {whole} cells", took.len());
}

/// The table: seconds of each cell, alone and beside another.
fn table(role: Role, order: &[Step], took: &BTreeMap<(Step, Trouble, bool), Duration>) -> String {
    let mut text =
        format!("\n{role:?}: {} cells passed; seconds alone/beside another\n", took.len());
    let _ = write!(text, "{:<22}", "");
    for trouble in TROUBLES {
        let _ = write!(text, "{:>16}", format!("{trouble:?}"));
    }
    for &step in order {
        let _ = write!(text, "\n{:<22}", step.name());
        for trouble in TROUBLES {
            let seconds = |beside| {
                let took = took.get(&(step, trouble, beside));
                took.map_or("-".to_owned(), |t| format!("{:.1}", t.as_secs_f64()))
            };
            let _ = write!(text, "{:>16}", format!("{}/{}", seconds(false), seconds(true)));
        }
    }
    text
}

// Failure modes: V2, N5, N6, N13.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn matrix_of_the_answerer() {
    play(Role::Answerer).await;
}

// Failure modes: G9, G14, N2, N5, N6.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn matrix_of_the_offerer() {
    play(Role::Offerer).await;
}
