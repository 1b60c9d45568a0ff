// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the daemon has in memory, session after session, with workers that have no media: there are many
//! more sessions in an hour than tests/soak.rs has. What is allocated, on an allocator that counts: a block
//! that is not given back shows. And what the process has of the system, which creeps for thousands of
//! sessions while the system's allocator finds its size, and then does not.
//!
//! Not libtest's main: this program is also the worker that the daemon starts. `SESSIONS=…`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says so by failing, and a test's main prints"
)]

use std::net::SocketAddr;
use std::path::Path;

use hyper::{Method, StatusCode};
use shutterd::config::Config;
use shutterd::daemon::inherited::Sockets;
use shutterd::daemon::{Ending, serve};
use shutterd::lifecycle::Phase;
use shutterd::session::ServiceStatus;

use fake::{DIRECTORY, Mood};
use figures::Slope;

#[allow(dead_code, reason = "the storm uses more of it")]
#[path = "storm/fake.rs"]
mod fake;
#[allow(dead_code, reason = "the soak uses more of it")]
#[path = "soak/figures.rs"]
mod figures;
#[path = "soak/memory.rs"]
mod memory;
mod service;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// The service remembers 64 ended sessions; after twice that, whatever is kept is there.
const BEFORE: usize = 130;
/// A block in so many sessions would be a leak. Buffers that grow by chance are rarer and fewer.
const SESSIONS_TO_A_BLOCK: f64 = 100.0;

/// Asks the service, which must say `status`.
async fn ask(
    address: SocketAddr,
    method: Method,
    path: &str,
    body: String,
    status: StatusCode,
) -> service::Answer {
    let headers = [("content-type", "application/sdp")];
    let asked = service::request_to(address, method, path, &headers, body);
    let answer = tokio::time::timeout(service::PATIENCE, asked).await.unwrap().unwrap();
    assert_eq!(answer.status, status, "{path}: {answer:?}");
    answer
}

async fn status(address: SocketAddr, path: &str) -> ServiceStatus {
    let answer = ask(address, Method::GET, path, String::new(), StatusCode::OK).await;
    serde_json::from_str(&answer.body).unwrap()
}

/// A session that runs, and ends.
async fn session(address: SocketAddr) {
    let offer = service::offer("h264");
    let answer = ask(address, Method::POST, "/whep/head", offer, StatusCode::CREATED).await;
    let mut now = status(address, "/api/v1/status").await;
    while now.sessions.last().unwrap().phase == Phase::Starting {
        now = status(address, &format!("/api/v1/status?after={}", now.serial)).await;
    }
    assert_eq!(now.sessions.last().unwrap().phase, Phase::Running, "{now:?}");
    let place = answer.header("location");
    ask(address, Method::DELETE, place, String::new(), StatusCode::OK).await;
}

/// `count` sessions after the first; what `measured` says at the end of each, beginning with that one.
async fn sessions(
    address: SocketAddr,
    count: usize,
    first: usize,
    measured: impl Fn() -> [f64; 2],
) -> [Vec<(f64, f64)>; 2] {
    // Reserved at once: on a counting allocator it would look like a leak.
    let mut samples = [Vec::with_capacity(count), Vec::with_capacity(count)];
    for at in 0..BEFORE + count {
        session(address).await;
        if at >= BEFORE + first {
            for (samples, now) in samples.iter_mut().zip(measured()) {
                samples.push((at as f64, now));
            }
        }
    }
    samples
}

/// In this process, on the allocator that counts: what is allocated.
fn allocated(directory: &Path, count: usize) {
    let mut text = config();
    text.push_str(&format!(
        "[control]\nsocket = {:?}\n[journal]\ndirectory = {:?}\nmax-size = \"256K\"\n",
        directory.join("control.sock"),
        directory.join("journal"),
    ));
    let config = Config::from_text(&text).unwrap();
    let _profiler = dhat::Profiler::builder().testing().build();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let sockets = Sockets { http: Some(listener), control: None };
    let ending = runtime.block_on(async {
        serve(config, sockets, async {
            let measured = || {
                let heap = dhat::HeapStats::get();
                [heap.curr_blocks as f64, heap.curr_bytes as f64]
            };
            let [blocks, bytes] = sessions(address, count, 0, measured).await;
            let kept = Slope::of(&blocks);
            println!(
                "allocated: {:.0} KiB in {:.0} blocks at the end; of {count} sessions one keeps {kept} \
                 blocks, {} bytes",
                bytes.last().unwrap().1 / 1024.0,
                blocks.last().unwrap().1,
                Slope::of(&bytes),
            );
            let bound = 1.0 / SESSIONS_TO_A_BLOCK;
            assert!(!kept.is_surely_above(bound), "a leak: {kept} blocks a session");
            "the test"
        })
        .await
    });
    runtime.shutdown_background();
    assert_eq!(ending.unwrap(), Ending::Clean);
}

/// The daemon's program, seen from outside: what the system's allocator makes of it.
fn resident(count: usize) {
    let daemon = service::Service::start(&config());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let measured = || [memory::anonymous(daemon.pid()), 0.0];
    let [memory, _] = runtime.block_on(sessions(daemon.address, count, count / 2, measured));
    let slope = Slope::of(&memory);
    println!(
        "the daemon's memory: {:.0} KiB at the end; slope {slope} KiB a session, over the last {} of {count}",
        memory.last().unwrap().1,
        memory.len(),
    );
    assert!(!slope.is_surely_above(memory::leak(count)), "memory grows: {slope} KiB a session");
}

fn config() -> String {
    let worker = std::env::current_exe().unwrap();
    format!("[media]\nworker = {worker:?}\n[[camera]]\nname = \"head\"\nboard = \"demo\"\n")
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(role @ ("camera" | "peer")) => return fake::run(role),
        Some("registry") => return,
        // Asked for by `cargo test NAME` with another test's name.
        Some(filter) if !filter.starts_with('-') && !"heap".contains(filter) => return,
        _ => {}
    }
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        let directory = tempfile::tempdir().unwrap();
        // The workers read it from the environment that they inherit.
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(std::env::args().skip(1))
            .env(DIRECTORY, directory.path())
            .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    };
    let directory = std::path::PathBuf::from(directory);
    Mood::default().set(&directory);
    let count = std::env::var("SESSIONS").map_or(400, |text| text.parse().unwrap());
    allocated(&directory, count);
    if count < memory::SETTLED {
        println!(
            "SKIPPED: what the process has of the system, for fewer than SESSIONS={}",
            memory::SETTLED
        );
    } else {
        resident(count);
    }
}
