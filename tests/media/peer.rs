// SPDX-License-Identifier: MIT OR Apache-2.0
//! The peer worker with a viewer, fed by a camera worker.

use std::time::Instant;

use gst_webrtc::WebRTCRTPTransceiverDirection as Direction;
use shutterd::lifecycle::{FaultCode, Role};
use shutterd::wire::link::link_pair;
use shutterd::wire::{CameraCommand, Codec, PeerCommand as P, PeerFact, Promise, Reply, SessionId};

use crate::call::{Call, S, open, track};
use crate::viewer::{Sight, Viewer, payload};
use crate::worker::{CameraWorker, LinkEnd, PeerWorker, is_keyframe, open_camera};

pub(crate) async fn the_device_answers(codec: Codec) {
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
    let payload = payload(codec);
    let (number, repair) = (format!(" {payload}"), format!("apt={payload}"));
    let mut wanted = vec!["a=ssrc:", "a=sendonly", "nack pli", &number];
    wanted.extend(match codec {
        Codec::H264 => vec!["sprop-parameter-sets", &repair],
        Codec::H265 => vec!["sprop-sps", &repair, "profile-id=1", "level-id=180", "tx-mode=SRST"],
        Codec::Vp8 => vec![],
    });
    for wanted in wanted {
        assert!(video.contains(wanted), "{wanted}: {answer}");
    }
    call.connect().await;
    call.enable().await;

    let sight = |sight: &Sight| match sight {
        Sight::ChannelOpen(channel) => Some(channel.clone()),
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
    let text = |sight: &Sight| match sight {
        Sight::Text(text) => Some(text.clone()),
        _ => None,
    };
    assert_eq!(call.viewer.sees("a message", text).await, "hello, viewer");
    let long = P::SendMessage { session: S, text: "x".repeat(20_000) };
    assert_eq!(call.peer.try_call(long).await.unwrap_err().code, FaultCode::MessageInvalid);

    let stats = call.stats().await;
    assert!(stats.frames > 5 && stats.packets_sent >= 30 && stats.bytes_sent > 1000, "{stats:?}");
    call.disable().await;
    call.peer.call(P::DisableTracks { session: S }).await;
    call.end(true).await;
}

#[tokio::test]
async fn the_device_answers_with_h264() {
    the_device_answers(Codec::H264).await;
}

#[tokio::test]
async fn the_device_answers_with_vp8() {
    the_device_answers(Codec::Vp8).await;
}

pub(crate) async fn the_device_offers(codec: Codec) {
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
    call.end(true).await;
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
pub(crate) async fn the_camera_opens_after_connected(codec: Codec, role: Role) {
    let mut peer = PeerWorker::peer();
    peer.call(P::CreatePeer { session: S, role, ice_servers: Vec::new() }).await;
    // The offer has no `m=application`: the channel is made all the same, and never opens.
    let profile_level_id = (codec == Codec::H264).then(|| "42e01f".into());
    let level_id = (codec == Codec::H265).then_some(90);
    peer.call(track(codec, Some(Promise { profile_level_id, level_id }))).await;
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
    let said = match (codec, role) {
        (Codec::H264, _) => "profile-level-id=42e01f",
        // What the viewer says is repeated; an offer says what was promised.
        (Codec::H265, Role::Answerer) => "level-id=180",
        (Codec::H265, Role::Offerer) => "level-id=90",
        (Codec::Vp8, _) => "VP8/90000",
    };
    assert!(description.contains(said), "{said}: {description}");
    call.connect().await;
    let early = call.peer.try_call(P::EnableTracks { session: S }).await.unwrap_err();
    assert_eq!(early.code, FaultCode::MessageInvalid);

    call.camera.call(open_camera(codec)).await;
    call.camera.call(CameraCommand::CreateSource).await;
    call.create_stream().await;
    call.enable().await;
    call.disable().await;
    call.end(true).await;
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

#[tokio::test]
async fn tracks_are_enabled_again_after_they_were_disabled() {
    let mut call = Call::connected(Codec::H264).await;
    call.enable().await;
    call.disable().await;
    let before = call.viewer.packets();
    call.peer.call(P::EnableTracks { session: S }).await;
    call.viewer.receives(before + 20).await;
    call.end(true).await;
}

pub(crate) async fn a_viewer_that_lost_pictures_gets_a_keyframe(codec: Codec) {
    let mut call = Call::connected(codec).await;
    call.enable().await;
    let (camera, ours) = link_pair().unwrap();
    let attach = CameraCommand::Attach { session: SessionId(2) };
    call.camera.call_with(attach, camera).await.unwrap();
    let link = LinkEnd::new(ours);
    while !is_keyframe(&link.next().await.unwrap().0) {}
    call.viewer.ask_for_keyframe();
    let mut units = 0;
    while !is_keyframe(&link.next().await.unwrap().0) {
        units += 1;
    }
    // The encoder's own would come after 60.
    assert!(units < 45, "{units} units before the keyframe");
    call.end(true).await;
}

// Failure modes: G9.
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
    call.end(false).await;
}

/// With `overlap` the track may be there before the stream, and without any promise.
#[tokio::test]
async fn the_stream_may_come_after_the_track() {
    let mut call = Call::new(Codec::H264, Role::Offerer).await;
    call.peer.call(track(Codec::H264, None)).await;
    call.create_stream().await;
    call.offer_to_the_viewer().await;
    call.connect().await;
    call.enable().await;
    call.end(true).await;
}

#[tokio::test]
async fn an_h264_viewer_that_lost_pictures_gets_a_keyframe() {
    a_viewer_that_lost_pictures_gets_a_keyframe(Codec::H264).await;
}

/// A camera that failed is opened again while its viewers stay.
#[tokio::test]
async fn a_new_camera_takes_over_the_track_of_the_old() {
    let mut call = Call::connected(Codec::H264).await;
    call.enable().await;
    let mut old = std::mem::replace(&mut call.camera, open(Codec::H264).await);
    old.abandon();
    old.ended().await;
    let before = call.stats().await;
    call.create_stream().await;
    call.viewer.receives(before.packets_sent + 30).await;
    let after = call.stats().await;
    assert!(after.frames > before.frames, "{before:?} {after:?}");
    eprintln!("measured: {after:?}");
    call.end(true).await;
}

/// A browser offers audio first, several profiles of H.264, each with its retransmission, and lets
/// levels differ. The answer takes the payload type that the daemon chose, with its profile, and no
/// other.
#[tokio::test]
async fn a_browsers_offer_is_answered_with_the_chosen_payload_type() {
    let answer = answered(include_str!("browser-offer.sdp")).await;
    let (audio, video) = answer.split_once("m=video").unwrap();
    assert!(audio.contains("a=inactive"), "{answer}");
    assert!(video.starts_with(" 9 UDP/TLS/RTP/SAVPF 108 109\r\n"), "{answer}");
    for wanted in ["a=sendonly", "apt=108", "profile-level-id=42e01f", "a=ssrc:", "nack pli"] {
        assert!(video.contains(wanted), "{wanted}: {answer}");
    }
}

/// Where the viewer leaves it to us who begins the DTLS handshake, it is the viewer: then we may send
/// one flight earlier.
#[tokio::test]
async fn the_viewer_begins_the_handshake_if_it_may() {
    let offer = include_str!("browser-offer.sdp");
    for (offered, said) in [("actpass", "passive"), ("active", "passive"), ("passive", "active")] {
        let offer = offer.replace("a=setup:actpass", &format!("a=setup:{offered}"));
        let answer = answered(&offer).await;
        let setups: Vec<_> =
            answer.lines().filter_map(|line| line.strip_prefix("a=setup:")).collect();
        assert_eq!(setups, [said; 2], "{offered}");
    }
}

/// What a worker answers to `offer`.
async fn answered(offer: &str) -> String {
    let mut peer = PeerWorker::peer();
    let create = P::CreatePeer { session: S, role: Role::Answerer, ice_servers: Vec::new() };
    peer.call(create).await;
    let promise = Some(Promise { profile_level_id: Some("42c01e".into()), level_id: None });
    peer.call(track(Codec::H264, promise)).await;
    let sdp = offer.replace('\n', "\r\n");
    peer.call(P::SetRemoteOffer { session: S, sdp }).await;
    let Reply::Sdp(answer) = peer.call(P::CreateAnswer { session: S }).await else {
        panic!("no description")
    };
    peer.call(P::DestroyPeer { session: S }).await;
    assert_eq!(peer.ended().await.code(), Some(0));
    answer
}

/// A viewer that takes only what we do not send is told so, by a fault.
pub(crate) async fn is_refused(offered: Codec, ours: Codec) {
    let mut call = Call::new(ours, Role::Answerer).await;
    call.viewer.watch_video(offered);
    call.create_stream().await;
    call.peer.call(track(ours, None)).await;
    let sdp = call.viewer.offer().await;
    let refused = match call.peer.try_call(P::SetRemoteOffer { session: S, sdp }).await {
        Ok(_) => call.peer.try_call(P::CreateAnswer { session: S }).await.unwrap_err(),
        Err(fault) => fault,
    };
    assert_eq!(refused.code, FaultCode::SdpNoVideo, "{refused}");
    call.end(false).await;
}

#[tokio::test]
async fn an_offer_without_our_codec_is_refused() {
    is_refused(Codec::Vp8, Codec::H264).await;
}
