// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a peer while something of it is still under way.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use shutterd::lifecycle::{FaultCode, Role};
use shutterd::wire::{Candidate, Codec, PeerCommand as P, PeerFact, Promise, SessionId};

use crate::call::video;
use crate::leftovers::network_sockets;
use crate::soon::soon;
use crate::worker::PeerWorker;

fn create(session: SessionId, role: Role) -> P {
    P::CreatePeer { session, role, ice_servers: Vec::new() }
}

fn tracks(session: SessionId) -> P {
    let promise = Some(Promise { profile_level_id: Some("42c01e".into()), level_id: None });
    P::AddTracks { session, video: video(Codec::H264, 108, Some("42e01f"), promise) }
}

/// The first session keeps the worker for the others.
const FIRST: SessionId = SessionId(1);

async fn worker() -> PeerWorker {
    let mut peer = PeerWorker::peer();
    peer.call(create(FIRST, Role::Offerer)).await;
    peer
}

async fn end(mut peer: PeerWorker) {
    peer.call(P::DestroyPeer { session: FIRST }).await;
    assert_eq!(peer.ended().await.code(), Some(0));
}

// Failure modes: G5.
#[tokio::test]
async fn figures_asked_for_all_along_hold_up_no_end() {
    let mut peer = worker().await;
    for n in 2..102 {
        let session = SessionId(n);
        peer.call(create(session, Role::Offerer)).await;
        peer.call(tracks(session)).await;
        peer.call(P::CreateOffer { session }).await;
        let mut asked = Vec::new();
        for _ in 0..16 {
            asked.push(peer.send(P::Stats { session }).await);
        }
        let destroyed = peer.send(P::DestroyPeer { session }).await;
        asked.push(peer.send(P::Stats { session }).await);
        peer.result(destroyed).await.unwrap();
        for id in asked {
            let Err(fault) = peer.result(id).await else { continue };
            let over = [FaultCode::ShuttingDown, FaultCode::SessionUnknown];
            assert!(over.contains(&fault.code), "{fault}");
        }
    }
    end(peer).await;
}

// Failure modes: G17.
#[tokio::test]
async fn an_end_overtakes_a_description_that_is_being_made() {
    let mut peer = worker().await;
    let mut overtaken = 0;
    for n in 2..52 {
        let session = SessionId(n);
        peer.call(create(session, Role::Offerer)).await;
        peer.call(tracks(session)).await;
        let offered = peer.send(P::CreateOffer { session }).await;
        let destroyed = peer.send(P::DestroyPeer { session }).await;
        if let Err(fault) = peer.result(offered).await {
            assert_eq!(fault.code, FaultCode::ShuttingDown, "{fault}");
            overtaken += 1;
        }
        peer.result(destroyed).await.unwrap();
    }
    assert!(overtaken > 0, "no description was still in the making");
    end(peer).await;
}

/// The address at which this machine reaches others: libnice asks no relay on loopback. Nothing is
/// sent.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    match socket.connect("198.51.100.1:9") {
        Ok(()) => socket.local_addr().unwrap().ip(),
        Err(_) => Ipv4Addr::LOCALHOST.into(),
    }
}

// Failure modes: G12, G13, N11.
#[tokio::test]
async fn a_relay_that_never_answers_holds_up_neither_the_description_nor_the_end() {
    let relay = tokio::net::UdpSocket::bind((own_address(), 0)).await.unwrap();
    let session = SessionId(2);
    let mut peer = worker().await;
    let sockets = network_sockets(peer.pid());
    let ice_servers = vec![format!("turn:user:password@{}", relay.local_addr().unwrap())];
    peer.call(P::CreatePeer { session, role: Role::Offerer, ice_servers }).await;
    peer.call(tracks(session)).await;
    peer.call(P::CreateOffer { session }).await;
    soon("the worker's request to its relay", relay.recv(&mut [0; 1500])).await.unwrap();
    peer.call(P::DestroyPeer { session }).await;
    let gathered = |fact: &PeerFact| match fact {
        PeerFact::Candidate { candidate, .. } => candidate.candidate.is_empty(),
        _ => false,
    };
    assert!(!peer.has_said(gathered), "the end of gathering was waited for");
    assert_eq!(network_sockets(peer.pid()), sockets);
    end(peer).await;
}

/// The failure comes on webrtcbin's own thread, which nothing may wait for there: the session's end
/// does, and from elsewhere.
// Failure modes: G2.
#[tokio::test]
async fn a_peer_that_finds_no_path_says_so_and_ends() {
    let session = SessionId(2);
    let mut peer = worker().await;
    peer.call(create(session, Role::Answerer)).await;
    peer.call(tracks(session)).await;
    let sdp = include_str!("browser-offer.sdp").replace('\n', "\r\n");
    peer.call(P::SetRemoteOffer { session, sdp }).await;
    peer.call(P::CreateAnswer { session }).await;
    let waiting = peer.send(P::AwaitConnected { session }).await;
    // Where nobody listens.
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let candidate = |candidate: String| Candidate { candidate, mline: 0 };
    let there = format!("candidate:1 1 UDP 1 127.0.0.1 {} typ host", nobody.port());
    let candidates = vec![candidate(there), candidate(String::new())];
    peer.call(P::AddCandidates { session, candidates }).await;
    assert_eq!(peer.result(waiting).await.unwrap_err().code, FaultCode::IceFailed);
    peer.call(P::DestroyPeer { session }).await;
    end(peer).await;
}
