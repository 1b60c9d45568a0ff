// SPDX-License-Identifier: MIT OR Apache-2.0
//! What does not belong: messages of an earlier session and of nobody's, replayed, doubled, out of
//! turn, cut off and too long, on every socket that the service has. Two sessions watch all the
//! while, one by WHEP and one by WebSocket, and neither is disturbed; each bad message is answered
//! with its code; and afterwards the camera is closed and the next two start.
//!
//! Not libtest's main: this program is also the worker that the daemon starts. A failing sequence
//! is printed, shrunk, with its seed; `STRAYS_SEED` repeats one, `STRAYS` says how many.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says so by failing, and a test's main prints"
)]

use std::fs::File;
use std::path::Path;
use std::process::Command;

use hyper::Method;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};
use rustix::fs::{FlockOperation, flock};
use shutterd::lifecycle::Phase;
use shutterd::session::ServiceStatus;

use fake::{DIRECTORY, Mood};
use innocent::{Innocents, Past};
use service::Service;
use word::{Word, words};

#[path = "storm/fake.rs"]
mod fake;
#[path = "strays/innocent.rs"]
mod innocent;
#[path = "strays/outsider.rs"]
mod outsider;
mod service;
#[path = "strays/word.rs"]
mod word;

/// How workers are while nothing else is planted: what they say is mixed with what is not asked.
const BABBLING: Mood =
    Mood { seed: 0, fails: 0, dies: 0, hangs: 0, slow: 0, babbles: 500, garbles: None };

/// Both sessions are as they were.
fn undisturbed(status: &ServiceStatus, innocents: &Innocents) {
    for id in innocents.ids() {
        let session = status.sessions.iter().find(|session| session.id.to_string() == id).unwrap();
        assert_eq!(session.phase, Phase::Running, "{session:?}");
    }
}

// Failure modes: N10.
async fn strays(service: &Service, past: &mut Past, directory: &Path, words: Vec<Word>) {
    // A sequence that failed before, and is being shrunk, has left its own.
    for session in service.status().await.sessions.iter().filter(|it| it.outcome.is_none()) {
        let path = format!("/api/v1/sessions/{}", session.id);
        service.request(Method::DELETE, &path, &[], "").await;
    }
    BABBLING.set(directory);
    let mut innocents = Innocents::arrive(service).await;
    for word in words {
        word.say(service, &mut innocents, past, directory).await;
    }
    innocents.heard_nothing_else().await;
    undisturbed(&service.status().await, &innocents);
    *past = innocents.leave(service).await;

    service.until_idle().await;
    let lock = File::create(directory.join("camera")).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).expect("the camera is closed");
    assert!(!directory.join("opened-twice").exists(), "the camera was opened twice");
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(role @ ("camera" | "peer")) => return fake::run(role),
        Some("registry") => return,
        // Asked for by `cargo test NAME` with another test's name.
        Some(filter) if !filter.starts_with('-') && !"strays".contains(filter) => return,
        _ => {}
    }
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let cases = u32::try_from(number("STRAYS").unwrap_or(24)).unwrap();
    let seed = number("STRAYS_SEED").unwrap_or_else(|| getrandom::u64().unwrap());
    println!("STRAYS_SEED={seed}");
    let bytes: Vec<u8> = (0..4).flat_map(|part: u64| (seed ^ part).to_le_bytes()).collect();

    let directory = tempfile::tempdir().unwrap();
    BABBLING.set(directory.path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_shutterd"));
    command.env(DIRECTORY, directory.path());
    let program = std::env::current_exe().unwrap();
    let service = Service::start_by(
        command,
        &format!(
            "[media]\nworker = {program:?}\nprewarm = false\n{}max-viewers = 4\n{TAIL}",
            service::DEMO
        ),
    );
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let past = runtime.block_on(async { Innocents::arrive(&service).await.leave(&service).await });
    let past = std::sync::Mutex::new(past);
    let mut runner = TestRunner::new_with_rng(
        Cases { cases, max_shrink_iters: 60, failure_persistence: None, ..Cases::default() },
        TestRng::from_seed(RngAlgorithm::ChaCha, &bytes),
    );
    let result = runner.run(&words(), |words| {
        let mut past = past.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        runtime.block_on(strays(&service, &mut past, directory.path(), words));
        Ok(())
    });
    runtime.shutdown_background();
    if let Err(error) = result {
        panic!("STRAYS_SEED={seed}: {error}");
    }
    println!("{cases} passed, 0 failed");
}

/// A second camera, which nobody watches.
const TAIL: &str = "[[camera]]\nname = \"tail\"\nboard = \"demo\"\n";
