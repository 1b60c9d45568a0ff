// SPDX-License-Identifier: MIT OR Apache-2.0
//! The camera worker.

use std::time::Instant;

use gst::prelude::*;
use shutterd::lifecycle::FaultCode;
use shutterd::wire::link::{Frame, Kind, link_pair};
use shutterd::wire::{CameraCommand as C, CameraFact, Codec, Reply, SessionId};

use crate::worker::{CameraWorker, LinkEnd, WHOLE, is_keyframe, open_camera};

const A: SessionId = SessionId(0xa);
const B: SessionId = SessionId(0xb);

async fn running(codec: Codec) -> CameraWorker {
    let mut camera = CameraWorker::camera();
    camera.call(open_camera(codec)).await;
    camera.call(C::CreateSource).await;
    camera
}

async fn attach(camera: &mut CameraWorker, session: SessionId) -> (LinkEnd, String) {
    let (theirs, ours) = link_pair().unwrap();
    match camera.call_with(C::Attach { session }, theirs).await.unwrap() {
        Reply::Caps(caps) => (LinkEnd::new(ours), caps),
        other => panic!("{other:?}"),
    }
}

/// The types of the NAL units of an access unit in AVC format.
fn nal_types(mut unit: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [a, b, c, d, rest @ ..] = unit {
        let len = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        types.push(rest[0] & 0x1f);
        unit = &rest[len..];
    }
    types
}

async fn close(mut camera: CameraWorker) {
    camera.call(C::DestroySource).await;
    camera.call(C::AwaitCaptureStopped).await;
    camera.call(C::CloseCamera).await;
    assert_eq!(camera.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_link_begins_with_caps_and_a_keyframe_that_has_its_parameter_sets() {
    let mut camera = running(Codec::H264).await;
    let (first, caps) = attach(&mut camera, A).await;
    assert!(caps.starts_with("video/x-h264") && caps.contains("codec_data"), "{caps}");
    let (header, payload) = first.next().await.unwrap();
    assert_eq!(header.kind, Kind::Caps);
    assert_eq!(payload, caps.as_bytes());
    let (header, payload) = first.next().await.unwrap();
    assert!(is_keyframe(&header));
    let types = nal_types(&payload);
    assert!([7, 8, 5].iter().all(|wanted| types.contains(wanted)), "SPS, PPS, IDR: {types:?}");
    gst::init().unwrap();
    let now = gst::SystemClock::obtain().time().nseconds();
    assert!(now - header.time < 5_000_000_000, "{} {now}", header.time);

    // A second viewer has its keyframe long before the encoder's own, which comes each 2 s.
    let asked = Instant::now();
    let (second, _) = attach(&mut camera, B).await;
    assert_eq!(second.next().await.unwrap().0.kind, Kind::Caps);
    assert!(is_keyframe(&second.next().await.unwrap().0));
    eprintln!("measured: attach to first keyframe {:?}", asked.elapsed());

    // And whoever asks gets one.
    second.send(&Frame::bare(Kind::KeyframeWanted, 0)).await;
    let mut units = 0;
    while !is_keyframe(&second.next().await.unwrap().0) {
        units += 1;
    }
    assert!(units < 40, "{units} units before the keyframe");

    camera.call(C::Detach { session: A }).await;
    camera.call(C::Detach { session: A }).await;
    while first.next().await.is_some() {}
    close(camera).await;
    while second.next().await.is_some() {}
}

#[tokio::test]
async fn a_slow_link_loses_whole_units_and_resumes_at_a_keyframe_while_the_other_sees_no_gap() {
    let mut camera = running(Codec::H264).await;
    let (slow, _) = attach(&mut camera, A).await;
    let (quick, _) = attach(&mut camera, B).await;
    // Long enough for the slow one to fill its queue of 8 units and its socket.
    let mut times = Vec::new();
    while times.len() < 240 {
        let (header, _) = quick.next().await.unwrap();
        if header.kind != Kind::Caps {
            times.push(header.time);
        }
    }
    for pair in times.windows(2) {
        let gap = pair[1] - pair[0];
        assert!((20_000_000..50_000_000).contains(&gap), "a gap of {gap} ns in {times:?}");
    }
    // The slow one now reads: an unbroken beginning, a gap, then a keyframe.
    let mut last = None;
    loop {
        let (header, payload) = slow.next().await.unwrap();
        assert_eq!(payload.len(), header.len as usize);
        if header.kind == Kind::Caps {
            continue;
        }
        if last.is_some_and(|last| header.time - last > 50_000_000) {
            assert!(is_keyframe(&header), "resumed at {:?}", header.kind);
            break;
        }
        last = Some(header.time);
    }
    close(camera).await;
}

// Failure modes: G8.
#[tokio::test]
async fn a_link_that_ends_is_reported_and_the_camera_goes_on() {
    let mut camera = running(Codec::H264).await;
    let (first, _) = attach(&mut camera, A).await;
    let (second, _) = attach(&mut camera, B).await;
    drop(first);
    let gone = |fact: &CameraFact| match fact {
        CameraFact::LinkGone(session) => Some(*session),
        CameraFact::Failed(_) => None,
    };
    assert_eq!(camera.fact("the link's end", gone).await, A);
    // Nonsense ends a link as well, and no other.
    let (third, _) = attach(&mut camera, A).await;
    third.send_bytes(&[0xff; 64]);
    assert_eq!(camera.fact("the link's end", gone).await, A);
    for _ in 0..10 {
        second.next().await.unwrap();
    }
    close(camera).await;
}

// Failure modes: V9.
#[tokio::test]
async fn teardown_overtakes_a_source_that_delivers_nothing() {
    let mut camera = CameraWorker::camera();
    let launch = "videotestsrc name=camera is-live=true ! valve drop=true ! x264enc name=encoder";
    camera
        .call(C::OpenCamera {
            launch: launch.into(),
            device: None,
            codec: Codec::H264,
            whole: WHOLE,
        })
        .await;
    let create = camera.send(C::CreateSource).await;
    let destroy = camera.send(C::DestroySource).await;
    camera.result(destroy).await.unwrap();
    assert_eq!(camera.result(create).await.unwrap_err().code, FaultCode::ShuttingDown);
    camera.call(C::AwaitCaptureStopped).await;
    camera.call(C::CloseCamera).await;
    assert_eq!(camera.ended().await.code(), Some(0));
}

#[tokio::test]
async fn every_teardown_command_accepts_that_there_is_nothing_to_undo() {
    let camera = CameraWorker::camera();
    close(camera).await;
}

// Failure modes: G1.
#[tokio::test]
async fn an_error_while_running_is_a_fact_with_a_code() {
    let mut camera = CameraWorker::camera();
    let launch = "videotestsrc name=camera is-live=true num-buffers=40 \
                  ! x264enc name=encoder tune=zerolatency speed-preset=ultrafast";
    camera
        .call(C::OpenCamera {
            launch: launch.into(),
            device: None,
            codec: Codec::H264,
            whole: WHOLE,
        })
        .await;
    camera.call(C::CreateSource).await;
    let failed = |fact: &CameraFact| match fact {
        CameraFact::Failed(fault) => Some(fault.clone()),
        CameraFact::LinkGone(_) => None,
    };
    assert_eq!(camera.fact("the failure", failed).await.code, FaultCode::CameraError);
    close(camera).await;
}

/// An encoder that is asked to finish may never do so: it is not asked.
// Failure modes: V13.
#[tokio::test]
async fn a_stop_asks_no_encoder_to_drain() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("events");
    let mut camera = CameraWorker::camera_with(&[
        ("GST_DEBUG", "GST_EVENT:5".as_ref()),
        ("GST_DEBUG_FILE", log.as_os_str()),
        ("GST_DEBUG_NO_COLOR", "1".as_ref()),
    ]);
    camera.call(open_camera(Codec::H264)).await;
    camera.call(C::CreateSource).await;
    close(camera).await;
    let log = std::fs::read_to_string(log).unwrap();
    let events: Vec<_> = log.lines().filter(|line| line.contains("creating new event")).collect();
    let made = |kind: &str| events.iter().any(|line| line.split(' ').any(|word| word == kind));
    assert!(made("segment"), "the events are in the log: {events:#?}");
    assert!(!made("eos"), "{events:#?}");
}
