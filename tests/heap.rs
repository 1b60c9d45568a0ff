// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the daemon has on its heap, session after session: the whole service in this process, on an
//! allocator that counts, with workers that have no media. What a process has in memory (tests/soak.rs)
//! creeps for thousands of sessions while the system's allocator finds its size; what is allocated does
//! not, and a block that is not given back shows.
//!
//! Not libtest's main: this program is also the worker that the daemon starts. `SESSIONS=…`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says so by failing, and a test's main prints"
)]

use std::net::SocketAddr;

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
mod service;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// The service remembers this many ended sessions; twice that, and whatever else is kept is there.
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

async fn sessions(address: SocketAddr, count: usize) {
    let room = || Vec::with_capacity(count);
    let (mut blocks, mut bytes) = (room(), room());
    for at in 0..BEFORE + count {
        session(address).await;
        let heap = dhat::HeapStats::get();
        if at >= BEFORE {
            blocks.push((at as f64, heap.curr_blocks as f64));
            bytes.push((at as f64, heap.curr_bytes as f64));
        }
    }
    let (blocks_kept, bytes_kept) = (Slope::of(&blocks), Slope::of(&bytes));
    println!(
        "{count} sessions: {:.0} KiB in {:.0} blocks at the end; a session keeps {blocks_kept} blocks, {bytes_kept} bytes",
        bytes.last().unwrap().1 / 1024.0,
        blocks.last().unwrap().1,
    );
    assert!(
        !blocks_kept.is_surely_above(1.0 / SESSIONS_TO_A_BLOCK),
        "a leak: {blocks_kept} blocks a session"
    );
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
    let config = format!(
        "[control]\nsocket = {:?}\n[journal]\ndirectory = {:?}\nmax-size = \"256K\"\n[media]\nworker = {:?}\n\
         [[camera]]\nname = \"head\"\nboard = \"demo\"\n",
        directory.join("control.sock"),
        directory.join("journal"),
        std::env::current_exe().unwrap(),
    );
    let config = Config::from_text(&config).unwrap();
    let _profiler = dhat::Profiler::builder().testing().build();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ending = runtime.block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let sockets = Sockets { http: Some(listener), control: None };
        serve(config, sockets, async {
            sessions(address, count).await;
            "the test"
        })
        .await
    });
    runtime.shutdown_background();
    assert_eq!(ending.unwrap(), Ending::Clean);
    println!("1 passed, 0 failed");
}
