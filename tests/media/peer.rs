// SPDX-License-Identifier: MIT OR Apache-2.0
//! The peer worker with a viewer, fed by a camera worker.

use std::sync::atomic::Ordering;
use std::time::Instant;

use gst_webrtc::WebRTCRTPTransceiverDirection as Direction;
use shutterd::lifecycle::{FaultCode, Role};
use shutterd::wire::socket::link_pair;
use shutterd::wire::{
    CameraCommand, Codec, Connection, PeerCommand as P, PeerFact, Promise, Reply, SessionId,
    VideoTrack, ViewerStats,
};

use crate::viewer::{Sight, Viewer};
use crate::worker::{CameraWorker, PeerWorker, open_camera};

const S: SessionId = SessionId(0x5e55);

struct Call {
    camera: CameraWorker,
    peer: PeerWorker,
    viewer: Viewer,
}

fn sdp(reply: Reply) -> String {
    match reply {
        Reply::Sdp(sdp) => sdp,
        other => panic!("{other:?}"),
    }
}

fn track(codec: Codec, promise: Option<Promise>) -> P {
    P::AddTracks { session: S, video: VideoTrack { codec, payload: 108, promise } }
}

async fn open(codec: Codec) -> CameraWorker {
    let mut camera = CameraWorker::camera();
    camera.call(open_camera(codec)).await;
    camera.call(CameraCommand::CreateSource).await;
    camera
}

impl Call {
    async fn new(codec: Codec, role: Role) -> Self {
        let mut peer = PeerWorker::peer();
        let asked = Instant::now();
        peer.call(P::CreatePeer { session: S, role, ice_servers: Vec::new() }).await;
        eprintln!("measured: create-peer {:?}", asked.elapsed());
        Self { camera: open(codec).await, peer, viewer: Viewer::new() }
    }

    async fn create_stream(&mut self) {
        let (camera, peer) = link_pair().unwrap();
        self.camera.call_with(CameraCommand::Attach { session: S }, camera).await.unwrap();
        let asked = Instant::now();
        self.peer.call_with(P::CreateStream { session: S }, peer).await.unwrap();
        eprintln!("measured: create-stream {:?}", asked.elapsed());
    }

    async fn answer_the_viewer(&mut self) -> String {
        let offer = self.viewer.offer().await;
        let asked = Instant::now();
        self.peer.call(P::SetRemoteOffer { session: S, sdp: offer }).await;
        let set = asked.elapsed();
        let answer = sdp(self.peer.call(P::CreateAnswer { session: S }).await);
        eprintln!("measured: set-remote-offer {set:?}, create-answer {:?}", asked.elapsed() - set);
        self.viewer.set_answer(&answer).await;
        answer
    }

    async fn offer_to_the_viewer(&mut self) -> String {
        let asked = Instant::now();
        let offer = sdp(self.peer.call(P::CreateOffer { session: S }).await);
        eprintln!("measured: create-offer {:?}", asked.elapsed());
        let answer = self.viewer.answer(&offer).await;
        self.peer.call(P::SetRemoteAnswer { session: S, sdp: answer }).await;
        offer
    }

    /// The viewer's candidates go by trickle; ours are in the description.
    async fn connect(&mut self) {
        let asked = Instant::now();
        let waiting = self.peer.send(P::AwaitConnected { session: S }).await;
        let candidates = vec![self.viewer.candidate().await];
        self.peer.call(P::AddCandidates { session: S, candidates }).await;
        self.peer.result(waiting).await.unwrap();
        eprintln!("measured: connected {:?}", asked.elapsed());
    }

    async fn enable(&mut self) {
        assert_eq!(self.viewer.packets(), 0, "packets before enable-tracks");
        let asked = Instant::now();
        self.peer.call(P::EnableTracks { session: S }).await;
        eprintln!("measured: enable-tracks to first packet out {:?}", asked.elapsed());
        let first = self.viewer.sees("the first unit", |sight| match sight {
            Sight::FirstUnit { keyframe } => Some(keyframe),
            _ => None,
        });
        assert!(first.await, "begins with a keyframe");
        eprintln!("measured: enable-tracks to first unit at the viewer {:?}", asked.elapsed());
        self.viewer.receives(30).await;
    }

    async fn stats(&mut self) -> ViewerStats {
        match self.peer.call(P::Stats { session: S }).await {
            Reply::Stats(stats) => stats,
            other => panic!("{other:?}"),
        }
    }

    /// After the report, what the worker counts out stays, and so does what arrives: the camera
    /// and the connection go on meanwhile, which the round trips and the keyframe show.
    async fn disable(&mut self) {
        self.peer.call(P::DisableTracks { session: S }).await;
        let sent = self.stats().await.packets_sent;
        self.viewer.ask_for_keyframe();
        let (camera, ours) = link_pair().unwrap();
        let other = SessionId(0x07e4);
        self.camera.call_with(CameraCommand::Attach { session: other }, camera).await.unwrap();
        let mut link = crate::worker::LinkEnd::new(ours);
        for _ in 0..20 {
            link.next().await.unwrap();
        }
        assert_eq!(self.stats().await.packets_sent, sent);
        assert!(self.viewer.packets() <= sent, "{} of {sent}", self.viewer.packets());
        self.camera.call(CameraCommand::Detach { session: other }).await;
    }

    async fn end(mut self) {
        self.peer.call(P::DestroyStream { session: S }).await;
        self.peer.call(P::DestroyDataChannel { session: S }).await;
        let asked = Instant::now();
        self.peer.call(P::DestroyPeer { session: S }).await;
        eprintln!("measured: destroy-peer {:?}", asked.elapsed());
        assert_eq!(self.peer.ended().await.code(), Some(0));
        for command in [
            CameraCommand::DestroySource,
            CameraCommand::AwaitCaptureStopped,
            CameraCommand::CloseCamera,
        ] {
            self.camera.call(command).await;
        }
        assert_eq!(self.camera.ended().await.code(), Some(0));
    }
}

async fn the_device_answers(codec: Codec) {
    let mut call = Call::new(codec, Role::Answerer).await;
    // Audio first, as some pages offer it, both ways; and a data channel of the page.
    call.viewer.add_audio(Direction::Sendrecv);
    call.viewer.watch_video(codec);
    call.viewer.add_channel();
    call.create_stream().await;
    call.peer.call(track(codec, None)).await;
    call.peer.call(P::CreateDataChannel { session: S }).await;
    let answer = call.answer_the_viewer().await;
    let (audio, video) = answer.split_once("m=video").unwrap();
    assert!(audio.contains("m=audio") && audio.contains("a=inactive"), "{answer}");
    assert!(answer.contains("a=candidate:"), "{answer}");
    for wanted in ["a=ssrc:", "a=sendonly", "nack pli", " 108"] {
        assert!(video.contains(wanted), "{wanted}: {answer}");
    }
    if codec == Codec::H264 {
        assert!(video.contains("sprop-parameter-sets") && video.contains("apt=108"), "{answer}");
    }
    call.connect().await;
    call.enable().await;

    let sight = |sight| match sight {
        Sight::ChannelOpen(channel) => Some(channel),
        _ => None,
    };
    let channel = call.viewer.sees("the device's channel", sight).await;
    assert_eq!(channel.label().as_deref(), Some("shutter"));
    channel.send_string_full(Some("hello, device")).unwrap();
    let text = |fact: &PeerFact| match fact {
        PeerFact::Message { text, .. } => Some(text.clone()),
        _ => None,
    };
    assert_eq!(call.peer.fact("a message", text).await, "hello, device");
    call.peer.call(P::SendMessage { session: S, text: "hello, viewer".into() }).await;
    let text = |sight| match sight {
        Sight::Text(text) => Some(text),
        _ => None,
    };
    assert_eq!(call.viewer.sees("a message", text).await, "hello, viewer");
    let long = P::SendMessage { session: S, text: "x".repeat(20_000) };
    assert_eq!(call.peer.try_call(long).await.unwrap_err().code, FaultCode::MessageInvalid);

    let stats = call.stats().await;
    assert!(stats.frames > 5 && stats.packets_sent >= 30 && stats.bytes_sent > 1000, "{stats:?}");
    call.disable().await;
    call.peer.call(P::DisableTracks { session: S }).await;
    call.end().await;
}

#[tokio::test]
async fn the_device_answers_with_h264() {
    the_device_answers(Codec::H264).await;
}

#[tokio::test]
async fn the_device_answers_with_vp8() {
    the_device_answers(Codec::Vp8).await;
}

async fn the_device_offers(codec: Codec) {
    let mut call = Call::new(codec, Role::Offerer).await;
    call.create_stream().await;
    call.peer.call(track(codec, None)).await;
    call.peer.call(P::CreateDataChannel { session: S }).await;
    let offer = call.offer_to_the_viewer().await;
    for wanted in ["a=ssrc:", "a=sendonly", "m=application", "a=candidate:"] {
        assert!(offer.contains(wanted), "{wanted}: {offer}");
    }
    call.connect().await;
    call.enable().await;
    call.disable().await;
    call.end().await;
}

#[tokio::test]
async fn the_device_offers_h264() {
    the_device_offers(Codec::H264).await;
}

#[tokio::test]
async fn the_device_offers_vp8() {
    the_device_offers(Codec::Vp8).await;
}

/// `camera-opens = "after-connected"`: the description is written from a promise, and the stream
/// that comes later flows with its ssrc and payload type, without any new negotiation.
async fn the_camera_opens_after_connected(codec: Codec, role: Role) {
    let mut peer = PeerWorker::peer();
    peer.call(P::CreatePeer { session: S, role, ice_servers: Vec::new() }).await;
    // The offer has no `m=application`: the channel is made all the same, and never opens.
    let promise = Some(Promise { profile_level_id: Some("42e01f".into()) });
    peer.call(track(codec, promise)).await;
    peer.call(P::CreateDataChannel { session: S }).await;
    let mut call = Call { camera: CameraWorker::camera(), peer, viewer: Viewer::new() };
    let description = match role {
        Role::Answerer => {
            call.viewer.watch_video(codec);
            call.answer_the_viewer().await
        }
        Role::Offerer => call.offer_to_the_viewer().await,
    };
    assert!(description.contains("a=ssrc:"), "{description}");
    if codec == Codec::H264 {
        assert!(description.contains("profile-level-id=42e01f"), "{description}");
    }
    call.connect().await;
    let early = call.peer.try_call(P::EnableTracks { session: S }).await.unwrap_err();
    assert_eq!(early.code, FaultCode::MessageInvalid);

    call.camera.call(open_camera(codec)).await;
    call.camera.call(CameraCommand::CreateSource).await;
    call.create_stream().await;
    call.enable().await;
    call.disable().await;
    call.end().await;
}

#[tokio::test]
async fn the_camera_opens_after_connected_h264_answer() {
    the_camera_opens_after_connected(Codec::H264, Role::Answerer).await;
}

#[tokio::test]
async fn the_camera_opens_after_connected_h264_offer() {
    the_camera_opens_after_connected(Codec::H264, Role::Offerer).await;
}

#[tokio::test]
async fn the_camera_opens_after_connected_vp8() {
    the_camera_opens_after_connected(Codec::Vp8, Role::Answerer).await;
}

async fn connected(codec: Codec) -> Call {
    let mut call = Call::new(codec, Role::Answerer).await;
    call.viewer.watch_video(codec);
    call.create_stream().await;
    call.peer.call(track(codec, None)).await;
    call.answer_the_viewer().await;
    call.connect().await;
    call
}

#[tokio::test]
async fn tracks_are_enabled_again_after_they_were_disabled() {
    let mut call = connected(Codec::H264).await;
    call.enable().await;
    call.disable().await;
    let before = call.viewer.packets();
    call.peer.call(P::EnableTracks { session: S }).await;
    call.viewer.receives(before + 20).await;
    call.end().await;
}

#[tokio::test]
async fn a_viewer_that_says_goodbye_is_seen_to_have_left() {
    let mut call = connected(Codec::H264).await;
    call.enable().await;
    call.viewer.close();
    let closed = |fact: &PeerFact| match fact {
        PeerFact::Connection { state: Connection::Closed, .. } => Some(()),
        _ => None,
    };
    call.peer.fact("the goodbye", closed).await;
    call.end().await;
}

#[tokio::test]
async fn a_viewer_that_vanishes_is_reported_silent() {
    let mut call = connected(Codec::H264).await;
    call.enable().await;
    call.viewer.rtcp_muted.store(true, Ordering::Relaxed);
    let asked = Instant::now();
    let silent = |fact: &PeerFact| match fact {
        PeerFact::Silent { .. } => Some(()),
        _ => None,
    };
    call.peer.fact("the silence", silent).await;
    let took = asked.elapsed().as_secs_f64();
    assert!((3.0..8.0).contains(&took), "{took} s");
    call.end().await;
}

#[tokio::test]
async fn teardown_overtakes_what_waits_for_the_viewer() {
    let mut call = Call::new(Codec::H264, Role::Offerer).await;
    call.create_stream().await;
    call.peer.call(track(Codec::H264, None)).await;
    call.peer.call(P::CreateOffer { session: S }).await;
    let waiting = call.peer.send(P::AwaitConnected { session: S }).await;
    let asked = Instant::now();
    call.peer.call(P::DisableTracks { session: S }).await;
    eprintln!("measured: disable-tracks {:?}", asked.elapsed());
    assert_eq!(call.peer.result(waiting).await.unwrap_err().code, FaultCode::ShuttingDown);
    call.end().await;
}

#[tokio::test]
async fn a_worker_carries_several_sessions_and_ends_after_the_last() {
    let mut peer = PeerWorker::peer();
    let asked = Instant::now();
    peer.call(P::Prepare).await;
    eprintln!("measured: warm-up {:?}", asked.elapsed());
    std::process::Command::new("ls").arg("-l").arg(format!("/proc/{}/fd", peer.pid())).status().unwrap();
    std::process::Command::new("grep").arg("").arg(format!("/proc/{}/net/netlink", peer.pid())).status().unwrap();
    let sockets = std::fs::read_dir(format!("/proc/{}/fd", peer.pid()))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|to| to.to_string_lossy().starts_with("socket:"))
        .count();
    // Standard input, its two clones, and tokio's signal pair at most; nothing of ICE.
    assert!(sockets <= 5, "{sockets} sockets after the warm-up");
    let sessions = [SessionId(1), SessionId(2)];
    for session in sessions {
        let promise = Some(Promise { profile_level_id: None });
        let video = VideoTrack { codec: Codec::H264, payload: 96, promise };
        let asked = Instant::now();
        peer.call(P::CreatePeer { session, role: Role::Offerer, ice_servers: Vec::new() }).await;
        eprintln!("measured: create-peer, warm {:?}", asked.elapsed());
        peer.call(P::AddTracks { session, video }).await;
        let asked = Instant::now();
        peer.call(P::CreateOffer { session }).await;
        eprintln!("measured: create-offer, warm {:?}", asked.elapsed());
    }
    for session in sessions {
        peer.call(P::DestroyPeer { session }).await;
    }
    assert_eq!(peer.ended().await.code(), Some(0));
}
