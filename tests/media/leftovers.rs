// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the warm-up and ended sessions leave behind in a peer worker: nothing.

use std::time::Instant;

use shutterd::lifecycle::Role;
use shutterd::wire::{Codec, PeerCommand as P, Promise, SessionId};

use crate::call::video;
use crate::worker::PeerWorker;

/// How many sockets of UDP and TCP a process has.
pub(crate) fn network_sockets(pid: u32) -> usize {
    let inode = |to: std::path::PathBuf| {
        Some(to.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
    };
    let held: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| inode(std::fs::read_link(entry.ok()?.path()).ok()?))
        .collect();
    let tables = ["udp", "udp6", "tcp", "tcp6"]
        .map(|table| std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap());
    let all: Vec<_> = tables.iter().flat_map(|table| table.split_whitespace()).collect();
    held.iter().filter(|inode| all.contains(&inode.as_str())).count()
}

// Failure modes: G16.
#[tokio::test]
async fn a_worker_carries_several_sessions_and_ends_after_the_last() {
    let mut peer = PeerWorker::peer();
    let asked = Instant::now();
    peer.call(P::Prepare).await;
    eprintln!("measured: warm-up {:?}", asked.elapsed());
    assert_eq!(network_sockets(peer.pid()), 0, "after the warm-up");
    let sessions = [SessionId(1), SessionId(2)];
    for session in sessions {
        let promise = Some(Promise::default());
        let video = video(Codec::H264, 96, None, promise);
        let asked = Instant::now();
        peer.call(P::CreatePeer { session, role: Role::Offerer, ice_servers: Vec::new() }).await;
        eprintln!("measured: create-peer, warm {:?}", asked.elapsed());
        peer.call(P::AddTracks { session, video }).await;
        let asked = Instant::now();
        peer.call(P::CreateOffer { session }).await;
        eprintln!("measured: create-offer, warm {:?}", asked.elapsed());
    }
    assert_ne!(network_sockets(peer.pid()), 0, "while sessions gather");
    for session in sessions {
        peer.call(P::DestroyPeer { session }).await;
    }
    assert_eq!(peer.ended().await.code(), Some(0));
}

fn entries(pid: u32, what: &str) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count()
}

/// A worker that carries many sessions, one after another, holds no more after the last than after
/// the first.
// Failure modes: G10, G11, G14, G15.
#[tokio::test]
async fn sessions_leave_nothing_behind() {
    let mut peer = PeerWorker::peer();
    let create = |session| P::CreatePeer { session, role: Role::Offerer, ice_servers: Vec::new() };
    peer.call(create(SessionId(1))).await;
    let mut counts = Vec::new();
    for n in 2..12 {
        let session = SessionId(n);
        peer.call(create(session)).await;
        let promise = Some(Promise::default());
        let video = video(Codec::H264, 96, None, promise);
        peer.call(P::AddTracks { session, video }).await;
        peer.call(P::CreateDataChannel { session }).await;
        peer.call(P::CreateOffer { session }).await;
        peer.call(P::DestroyPeer { session }).await;
        counts.push((entries(peer.pid(), "fd"), entries(peer.pid(), "task")));
    }
    eprintln!("measured: descriptors and threads after each session {counts:?}");
    let (first, last) = (counts[1], counts[9]);
    // Threads of GStreamer's pool end some time after their last task.
    assert!(last.0 <= first.0 + 2 && last.1 <= first.1 + 4, "{counts:?}");
    peer.call(P::DestroyPeer { session: SessionId(1) }).await;
    assert_eq!(peer.ended().await.code(), Some(0));
}
