// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong is refused with its code, and does no harm.

use rustix::net::SendFlags;
use shutterd::lifecycle::{FaultCode, Role};
use shutterd::wire::link::{Frame, Kind, link_pair};
use shutterd::wire::{
    CameraCommand as C, Candidate, Codec, PeerCommand as P, PeerFact, Promise, SessionId,
};

use crate::call::video;
use crate::worker::{CameraWorker, LinkEnd, PeerWorker, WHOLE, launch};

async fn opening(launch: &str) -> (FaultCode, String) {
    let mut camera = CameraWorker::camera();
    let open =
        C::OpenCamera { launch: launch.into(), device: None, codec: Codec::H264, whole: WHOLE };
    let fault = camera.try_call(open).await.unwrap_err();
    // The worker closes what there is, and ends.
    camera.call(C::CloseCamera).await;
    assert_eq!(camera.ended().await.code(), Some(0));
    (fault.code, fault.detail)
}

#[tokio::test]
async fn a_pipeline_that_cannot_be_a_camera() {
    let encoder = "x264enc name=encoder";
    for (launch, code, says) in [
        ("videotestsrc ! !", FaultCode::PipelineInvalid, ""),
        ("videotestsrc name=camera", FaultCode::PipelineInvalid, "chain"),
        (&format!("videotestsrc ! {encoder}"), FaultCode::PipelineInvalid, "camera"),
        ("videotestsrc name=camera ! x264enc", FaultCode::PipelineInvalid, "encoder"),
        (
            &format!("videotestsrc name=camera ! {encoder} ! fakesink"),
            FaultCode::PipelineInvalid,
            "sink of its own",
        ),
        (
            &format!("videotestsrc name=camera ! {encoder} videotestsrc ! identity"),
            FaultCode::PipelineInvalid,
            "",
        ),
        (
            &format!("videotestsrc name=camera ! nosuchelement ! {encoder}"),
            FaultCode::ElementMissing,
            "nosuchelement",
        ),
        (
            &format!("videotestsrc name=camera ! {encoder} bitratee=1"),
            FaultCode::PipelineInvalid,
            "no property \"bitratee\"",
        ),
        (
            &format!("v4l2src name=camera device=/dev/video99 ! {encoder}"),
            FaultCode::CameraMissing,
            "No such file",
        ),
        (&format!("v4l2src name=camera device=/dev/null ! {encoder}"), FaultCode::NotACamera, ""),
        (
            &format!("videotestsrc name=camera ! video/x-raw,format=NV99 ! {encoder}"),
            FaultCode::PipelineInvalid,
            "NV99",
        ),
    ] {
        let (got, detail) = opening(launch).await;
        eprintln!("{launch}\n    {got}: {detail}");
        assert_eq!(got, code, "{launch}: {detail}");
        assert!(detail.contains(says), "{launch}: {detail}");
    }
}

#[tokio::test]
async fn elements_that_are_missing_are_named() {
    let mut camera = CameraWorker::camera();
    camera.call(C::Prepare { elements: vec!["videotestsrc".into(), "x264enc".into()] }).await;
    let prepare = C::Prepare { elements: vec!["vaapih264enc".into()] };
    let fault = camera.try_call(prepare).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::ElementMissing);
    assert!(fault.detail.contains("vaapih264enc"), "{fault}");
}

/// A board may have a codec that its chip does not encode: the others start no colder for it.
#[tokio::test]
async fn what_is_behind_a_missing_element_is_warmed_up_too() {
    let mut camera = CameraWorker::camera();
    let loaded = |camera: &CameraWorker| {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", camera.pid())).unwrap();
        maps.contains("libgstvpx.so")
    };
    assert!(!loaded(&camera));
    let prepare = C::Prepare { elements: vec!["vaapih264enc".into(), "vp8enc".into()] };
    let fault = camera.try_call(prepare).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::ElementMissing);
    assert!(loaded(&camera));
}

// Failure modes: N12.
#[tokio::test]
async fn commands_out_of_order() {
    let mut camera = CameraWorker::camera();
    let refused = |result: Result<_, shutterd::lifecycle::Fault>| result.unwrap_err().code;
    assert_eq!(refused(camera.try_call(C::CreateSource).await), FaultCode::MessageInvalid);
    let (theirs, _ours) = link_pair().unwrap();
    let attach = C::Attach { session: SessionId(1) };
    assert_eq!(refused(camera.call_with(attach.clone(), theirs).await), FaultCode::MessageInvalid);
    assert_eq!(refused(camera.try_call(attach).await), FaultCode::WireInvalid);
    let open = C::OpenCamera {
        launch: launch(Codec::H264),
        device: None,
        codec: Codec::H264,
        whole: WHOLE,
    };
    camera.call(open.clone()).await;
    assert_eq!(refused(camera.try_call(open).await), FaultCode::MessageInvalid);

    let mut peer = PeerWorker::peer();
    let session = SessionId(1);
    assert_eq!(refused(peer.try_call(P::CreateOffer { session }).await), FaultCode::SessionUnknown);
    peer.call(P::CreatePeer { session, role: Role::Answerer, ice_servers: Vec::new() }).await;
    for command in [
        P::CreateOffer { session },
        P::EnableTracks { session },
        P::SendMessage { session, text: "x".into() },
        P::CreatePeer { session, role: Role::Answerer, ice_servers: Vec::new() },
    ] {
        let name = format!("{command:?}");
        assert_eq!(refused(peer.try_call(command).await), FaultCode::MessageInvalid, "{name}");
    }
    let other = SessionId(2);
    let create = |ice: &str| P::CreatePeer {
        session: other,
        role: Role::Answerer,
        ice_servers: vec![ice.into()],
    };
    assert_eq!(refused(peer.try_call(create("nonsense")).await), FaultCode::NegotiationFailed);
    peer.call(P::DestroyPeer { session: other }).await;
    peer.call(P::DestroyPeer { session }).await;
    assert_eq!(peer.ended().await.code(), Some(0));
}

#[tokio::test]
async fn what_is_no_command_ends_the_worker() {
    for bytes in [&b"{\"id\":"[..], b"[]", b"{\"id\":1,\"command\":\"dance\"}", b"\xff\xfe"] {
        let mut camera = CameraWorker::camera();
        rustix::net::send(camera.socket(), bytes, SendFlags::empty()).unwrap();
        assert_eq!(camera.ended().await.code(), Some(76));
        let mut peer = PeerWorker::peer();
        rustix::net::send(peer.socket(), bytes, SendFlags::empty()).unwrap();
        assert_eq!(peer.ended().await.code(), Some(76));
    }
}

async fn answerer(session: SessionId) -> PeerWorker {
    let mut peer = PeerWorker::peer();
    peer.call(P::CreatePeer { session, role: Role::Answerer, ice_servers: Vec::new() }).await;
    let promise = Some(Promise { profile_level_id: Some("42e01f".into()), level_id: None });
    let video = video(Codec::H264, 96, None, promise);
    peer.call(P::AddTracks { session, video }).await;
    peer
}

#[tokio::test]
async fn descriptions_and_candidates_that_are_none() {
    let session = SessionId(1);
    let mut peer = answerer(session).await;
    for sdp in [
        "",
        "hello",
        "v=0\r\n",
        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
        "v=0\r\nm=\r\nm=video\r\na=ice-ufrag\r\n",
    ] {
        let offer = P::SetRemoteOffer { session, sdp: sdp.into() };
        let fault = peer.try_call(offer).await.unwrap_err();
        assert_eq!(fault.code, FaultCode::SdpInvalid, "{sdp}: {fault}");
    }
    let candidate = |text: &str| Candidate { candidate: text.into(), mline: 0 };
    let good = candidate("candidate:1 1 UDP 1 127.0.0.1 9 typ host");
    let bad = candidate("candidate:1 1 UDP nonsense");
    let candidates = vec![bad, good.clone()];
    let fault = peer.try_call(P::AddCandidates { session, candidates }).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::CandidateInvalid);
    peer.call(P::AddCandidates { session, candidates: vec![good] }).await;
    // None of it did harm.
    assert!(peer.try_call(P::CreateAnswer { session }).await.is_err(), "no offer was set");
    peer.call(P::DestroyPeer { session }).await;
    assert_eq!(peer.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_link_that_is_none() {
    let session = SessionId(1);
    let mut peer = answerer(session).await;
    let wire_invalid = |fact: &PeerFact| match fact {
        PeerFact::Failed { fault, .. } => Some(fault.code),
        _ => None,
    };
    let unit = Frame::new(Kind::AccessUnit { keyframe: true }, 0, b"x").unwrap();
    // Not a header; of no kind; a payload that is not there; a unit before any caps.
    let payload_missing = unit.header().encode();
    for bytes in [&[0xff; 32][..], &[0xff; 16], &payload_missing, &[]] {
        let (ours, theirs) = link_pair().unwrap();
        let link = LinkEnd::new(ours);
        match bytes {
            [] => link.send(&unit).await,
            bytes => link.send_bytes(bytes),
        }
        let fault = peer.call_with(P::CreateStream { session }, theirs).await.unwrap_err();
        assert_eq!(fault.code, FaultCode::WireInvalid, "{bytes:?}");
        assert_eq!(peer.fact("the fault", wire_invalid).await, FaultCode::WireInvalid);
        assert!(link.next().await.is_none(), "the worker closes it");
    }

    // One that ends at once.
    let (ours, theirs) = link_pair().unwrap();
    drop(ours);
    let fault = peer.call_with(P::CreateStream { session }, theirs).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::WorkerGone);
    peer.call(P::DestroyPeer { session }).await;
}
