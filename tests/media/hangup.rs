// SPDX-License-Identifier: MIT OR Apache-2.0
//! A worker whose daemon is gone is gone, whatever it was doing.

use std::time::{Duration, Instant};

use shutterd::lifecycle::Role;
use shutterd::wire::{CameraCommand as C, Codec, PeerCommand as P, SessionId};

use crate::worker::{CameraWorker, PeerWorker, WHOLE, Worker, open_camera, soon};

async fn gone<A: serde::Serialize, B: serde::de::DeserializeOwned + std::fmt::Debug>(
    mut worker: Worker<A, B>,
    when: &str,
) {
    worker.abandon();
    let asked = Instant::now();
    worker.ended().await;
    let took = asked.elapsed();
    eprintln!("measured: daemon gone to worker gone, {when}: {took:?}");
    assert!(took < Duration::from_secs(1), "{when}: {took:?}");
}

#[tokio::test]
async fn a_camera_worker_ends_in_every_state() {
    gone(CameraWorker::camera(), "just started").await;

    let mut camera = CameraWorker::camera();
    camera.call(open_camera(Codec::H264)).await;
    gone(camera, "open").await;

    let mut camera = CameraWorker::camera();
    camera.call(open_camera(Codec::H264)).await;
    camera.call(C::CreateSource).await;
    gone(camera, "running").await;

    let mut camera = CameraWorker::camera();
    camera.call(open_camera(Codec::H264)).await;
    camera.call(C::CreateSource).await;
    camera.call(C::DestroySource).await;
    gone(camera, "stopped").await;
}

// Failure modes: G3, G7.
#[tokio::test]
async fn a_camera_worker_ends_while_a_state_change_is_stuck() {
    // Reading a FIFO that nobody writes to never returns, like a wedged driver's ioctl.
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let launch = format!(
        "filesrc name=camera location={} ! rawvideoparse width=320 height=240 format=i420 \
         ! x264enc name=encoder",
        fifo.display()
    );
    let mut camera = CameraWorker::camera();
    camera.call(C::OpenCamera { launch, device: None, codec: Codec::H264, whole: WHOLE }).await;
    let create = camera.send(C::CreateSource).await;
    // Once it has taken a byte, it is inside a read for more.
    let write = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK;
    let _writer = soon("the worker's reading of its source", async {
        let writer = loop {
            match rustix::fs::open(&fifo, write, mode) {
                Ok(writer) => break writer,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        rustix::io::write(&writer, b"x").unwrap();
        while rustix::io::ioctl_fionread(&writer).unwrap() > 0 {
            tokio::task::yield_now().await;
        }
        writer
    })
    .await;
    let stuck = camera.send(C::DestroySource).await;
    camera.result(create).await.unwrap_err();
    // The control loop is not stuck with it, but the step is.
    camera.send(C::CloseCamera).await;
    let done = tokio::time::timeout(Duration::from_millis(300), camera.result(stuck));
    assert!(done.await.is_err(), "destroy-source came through");
    camera.call(C::Ping).await;
    gone(camera, "state change stuck").await;
}

#[tokio::test]
async fn a_peer_worker_ends_in_every_state() {
    gone(PeerWorker::peer(), "just started").await;

    let mut peer = PeerWorker::peer();
    peer.send(P::Prepare).await;
    gone(peer, "warming up").await;

    let mut peer = PeerWorker::peer();
    let session = SessionId(1);
    peer.call(P::CreatePeer { session, role: Role::Offerer, ice_servers: Vec::new() }).await;
    gone(peer, "created").await;
}
