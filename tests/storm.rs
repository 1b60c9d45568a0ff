// SPDX-License-Identifier: MIT OR Apache-2.0
//! Storms: sessions that are started, answered, stopped and abandoned at any moment, several at
//! once, with workers that fail, die, hang and dawdle. Whatever happens: no camera is opened twice,
//! every session ends within its bound, and afterwards the camera is closed, nobody is left, and a
//! session starts.
//!
//! Not libtest's main: this program is also the worker that the daemon starts. A failing storm is
//! printed, shrunk, with its seed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says so by failing, and a test's main prints"
)]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use rustix::fs::{FlockOperation, flock};
use shutterd::config::Config;
use shutterd::lifecycle::{Cause, Phase, Step, StopReason};
use shutterd::sdp::Offer;
use shutterd::session::{CameraState, FromViewer, Journal, Negotiation, Registry, SessionHandle};
use shutterd::wire::{Candidate, Codec};
use shutterd::worker::Spares;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use fake::{DIRECTORY, Mood};

#[path = "storm/fake.rs"]
mod fake;
mod service;

/// Deadlines short enough that a worker that hangs costs little.
const CONFIG: &str = r#"
[deadlines]
create-peer = "300ms"
open-camera = "300ms"
create-source = "300ms"
create-stream = "300ms"
add-tracks = "300ms"
create-data-channel = "300ms"
create-offer = "300ms"
await-answer = "300ms"
set-remote-answer = "300ms"
set-remote-offer = "300ms"
create-answer = "300ms"
add-candidates = "300ms"
await-connected = "300ms"
enable-tracks = "300ms"
disable-tracks = "100ms"
destroy-source = "100ms"
await-capture-stopped = "100ms"
close-camera = "200ms"
destroy-stream = "100ms"
destroy-data-channel = "100ms"
destroy-peer = "200ms"
[[camera]]
name = "head"
board = "demo"
reopen-within = "1s"
"#;

/// All steps and undos late, two kills observed, a wait for another session's close: twice that.
const PATIENCE: Duration = Duration::from_secs(20);

/// What one viewer does, each at so many milliseconds.
#[derive(Clone, Debug)]
struct Visit {
    offers: bool,
    begins: u64,
    acts: Vec<(u64, Act)>,
    leaves: u64,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Answer,
    BadAnswer,
    Candidates,
    SignallingGone,
    Stop,
}

fn visit() -> impl Strategy<Value = Visit> {
    use Act::*;
    let act = prop_oneof![
        4 => Just(Answer), 1 => Just(BadAnswer), 2 => Just(Candidates),
        1 => Just(SignallingGone), 2 => Just(Stop),
    ];
    let acts = prop::collection::vec((0..400_u64, act), 0..6);
    (any::<bool>(), 0..300_u64, acts, 0..800_u64).prop_map(|(offers, begins, acts, leaves)| Visit {
        offers,
        begins,
        acts,
        leaves,
    })
}

fn mood() -> impl Strategy<Value = Mood> {
    let bad = || prop_oneof![3 => Just(0_u16), 1 => 1..60_u16];
    (any::<u64>(), bad(), bad(), bad(), 0..500_u16, bad()).prop_map(
        |(seed, fails, dies, hangs, slow, babbles)| Mood {
            seed,
            fails,
            dies,
            hangs,
            slow,
            babbles,
            garbles: None,
        },
    )
}

async fn until(ms: u64) {
    let never = std::future::pending::<()>();
    let _ = timeout(Duration::from_millis(ms), never).await;
}

fn start(registry: &Registry, offers: bool) -> Option<(SessionHandle, impl Sized + use<>)> {
    let negotiation = match offers {
        true => Negotiation::ViewerOffers(Box::new(Offer::parse(&service::offer("h264")).unwrap())),
        false => Negotiation::DeviceOffers(vec![Codec::H264]),
    };
    // Refused: as many as may watch are there.
    registry.start("head", negotiation, None).ok()
}

async fn attend(registry: &Registry, visit: &Visit) {
    until(visit.begins).await;
    let Some((session, _told)) = start(registry, visit.offers) else { return };
    let mut acts = visit.acts.clone();
    acts.sort_by_key(|(at, _)| *at);
    let mut now = 0;
    for (at, act) in acts {
        until(at - now).await;
        now = at;
        let candidate = Candidate { candidate: String::new(), mline: 0 };
        // A session that has ended is deaf.
        let _ = match act {
            Act::Answer => session.viewer_says(FromViewer::Answer(service::offer("h264"))),
            Act::BadAnswer => session.viewer_says(FromViewer::Answer("v=1".to_owned())),
            Act::Candidates => session.viewer_says(FromViewer::Candidates(vec![candidate])),
            Act::SignallingGone => session.viewer_says(FromViewer::SignallingGone),
            Act::Stop => {
                session.stop(StopReason::Viewer);
                Ok(())
            }
        };
    }
    until(visit.leaves).await;
    // Twice: a second stop changes nothing.
    session.stop(StopReason::Viewer);
    session.stop(StopReason::Api);
    timeout(PATIENCE, session.ended()).await.expect("the session ends within its bound");
}

/// Waits until the session runs or ends; whether it runs.
async fn runs(registry: &Registry, session: &SessionHandle) -> bool {
    let starting = async {
        let mut serial = registry.status().serial;
        while session.status().phase == Phase::Starting {
            serial = registry.changed(serial).await.serial;
        }
    };
    timeout(PATIENCE, starting).await.unwrap();
    session.status().phase == Phase::Running
}

/// A session that runs. A spare that has hung in its warm-up, in a mood that is over, costs one
/// start, and not the next.
async fn running(registry: &Registry) -> (SessionHandle, impl Sized + use<>) {
    let (session, told) = start(registry, true).unwrap();
    if runs(registry, &session).await {
        return (session, told);
    }
    let late = Cause::StartLate { step: Step::CreatePeer };
    assert_eq!(session.ended().await.cause, late, "{:?}", session.timeline());
    let (session, told) = start(registry, true).unwrap();
    assert!(runs(registry, &session).await, "{:?}", session.timeline());
    (session, told)
}

// Failure modes: V5, G4, N1, N7, N8.
async fn storm(mood: Mood, visits: Vec<Visit>, directory: &Path) {
    mood.set(directory);
    let config = Config::from_text(CONFIG).unwrap();
    let tasks = TaskTracker::new();
    let program = std::env::current_exe().unwrap();
    let spares = Arc::new(Spares::new(program, Vec::new(), true, tasks.clone()));
    let journal = Journal::begin(None);
    let registry = Registry::new(&config, Arc::clone(&spares), tasks.clone(), journal);
    futures_util::future::join_all(visits.iter().map(|visit| attend(&registry, visit))).await;

    let status = registry.status();
    assert!(!directory.join("opened-twice").exists(), "the camera was opened twice");
    assert_eq!((status.cameras[0].state, status.cameras[0].viewers), (CameraState::Closed, 0));
    assert!(status.sessions.iter().all(|session| session.phase == Phase::Ended));
    let lock = File::create(directory.join("camera")).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).expect("the camera is closed");
    drop(lock);

    // And in a good mood a session starts, and the next one while it still ends.
    Mood::default().set(directory);
    let (first, _told) = running(&registry).await;
    first.stop(StopReason::Api);
    let (session, _told) = start(&registry, false).unwrap();
    session.viewer_says(FromViewer::Answer(service::offer("h264"))).unwrap();
    assert!(runs(&registry, &session).await, "{:?}", session.timeline());
    assert_eq!(first.ended().await.unclean, []);
    registry.stop_all(StopReason::Shutdown).await;
    assert_eq!(session.ended().await.unclean, []);
    registry.let_go().await;
    spares.close();
    tasks.close();
    timeout(PATIENCE, tasks.wait()).await.expect("nothing outlives the service");
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(role @ ("camera" | "peer")) => return fake::run(role),
        // Asked for by `cargo test NAME` with another test's name.
        Some(filter) if !filter.starts_with('-') && !"storm".contains(filter) => return,
        _ => {}
    }
    let directory = tempfile::tempdir().unwrap();
    // Safe here: no other thread has started.
    let cases = std::env::var("STORMS").map_or(12, |text| text.parse().unwrap());
    if std::env::var_os(DIRECTORY).is_none() {
        // The workers read it from the environment that they inherit.
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(std::env::args().skip(1))
            .env(DIRECTORY, directory.path())
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let directory = std::env::var_os(DIRECTORY).unwrap();
    let directory = Path::new(&directory);
    let mut runner = TestRunner::new(Cases { cases, max_shrink_iters: 40, ..Cases::default() });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let weather = (mood(), prop::collection::vec(visit(), 1..6));
    let result = runner.run(&weather, |(mood, visits)| {
        let _ = std::fs::remove_file(directory.join("opened-twice"));
        runtime.block_on(storm(mood, visits, directory));
        Ok(())
    });
    runtime.shutdown_background();
    if let Err(error) = result {
        panic!("a storm was not weathered: {error}");
    }
    println!("{cases} passed, 0 failed");
}
