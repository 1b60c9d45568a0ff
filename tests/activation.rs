// SPDX-License-Identifier: MIT OR Apache-2.0
//! The service on sockets that systemd listens on for it: started by its first client, which gets its
//! answer.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::net::TcpListener;
use std::process::Command;

use service::{DEMO, Service, request_to};
use shutterd::session::ServiceStatus;

mod service;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_client_starts_the_service_and_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let control = directory.path().join("given.sock");
    // Free a moment ago, and nobody else's in this test's time.
    let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new("systemd-socket-activate");
    command.arg("--listen").arg(&control).arg("--listen").arg(http.to_string());
    for variable in ["SHUTTERD_LOG=info", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent"] {
        command.arg(format!("--setenv={variable}"));
    }
    command.arg(env!("CARGO_BIN_EXE_shutterd"));
    // It starts the service at the first connection, which waits until the service takes it.
    let mut client = tokio::task::JoinSet::new();
    client.spawn(async move {
        let deadline = std::time::Instant::now() + service::PATIENCE;
        loop {
            match request_to(http, hyper::Method::GET, "/api/v1/status", &[], "").await {
                Ok(answer) => return answer,
                // Not listening yet.
                Err(error) if std::time::Instant::now() < deadline => drop(error),
                Err(error) => panic!("{error}"),
            }
            tokio::task::yield_now().await;
        }
    });
    let mut service =
        tokio::task::spawn_blocking(move || Service::start_by(command, DEMO)).await.unwrap();
    let answer = client.join_next().await.unwrap().unwrap();
    let status: ServiceStatus = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(status.cameras.len(), 1);
    assert_eq!(service.address, http, "not the address of the configuration");
    service.has_said("systemd listens elsewhere, and that counts");

    let mut ctl = Command::new(env!("CARGO_BIN_EXE_shutterctl"));
    let output = ctl.arg("--socket").arg(&control).arg("status").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!service.socket.exists(), "there is no second control socket");

    service.signal(rustix::process::Signal::TERM);
    let ended = tokio::task::spawn_blocking(move || service.ended()).await.unwrap();
    assert!(ended.success());
    assert!(control.exists(), "its file is systemd's to remove");
}
