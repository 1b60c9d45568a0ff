// SPDX-License-Identifier: MIT OR Apache-2.0
//! The encoder's rate follows what the viewers' paths take.

use shutterd::lifecycle::Role;
use shutterd::wire::link::{Frame, Kind, link_pair};
use shutterd::wire::{CameraCommand as C, Codec, Reply, SessionId, TRANSPORT_CC, Whole};

use crate::call::{Call, track};
use crate::worker::{BITRATE, CameraWorker, LinkEnd, WHOLE};

const A: SessionId = SessionId(0xa);
const B: SessionId = SessionId(0xb);

/// Access units of a second.
const SECOND: usize = 30;

/// A picture that is hard enough to take the whole of its rate, and not so hard that it could not do
/// with a fraction.
async fn running(codec: Codec, encoder: &str) -> CameraWorker {
    let mut camera = CameraWorker::camera();
    let launch = format!(
        "videotestsrc name=camera is-live=true pattern=zone-plate kx2=20 ky2=20 kt=3 \
         ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! {encoder} name=encoder"
    );
    camera.call(C::OpenCamera { launch, device: None, codec, whole: WHOLE }).await;
    camera.call(C::CreateSource).await;
    camera
}

async fn attach(camera: &mut CameraWorker, session: SessionId) -> LinkEnd {
    let (theirs, ours) = link_pair().unwrap();
    let caps = camera.call_with(C::Attach { session }, theirs).await.unwrap();
    assert!(matches!(caps, Reply::Caps(_)), "{caps:?}");
    LinkEnd::new(ours)
}

/// Bits per second of the next `units` access units.
async fn rate(link: &LinkEnd, units: usize) -> usize {
    let mut bits = 0;
    let mut left = units;
    while left > 0 {
        let (header, payload) = link.next().await.unwrap();
        if header.kind != Kind::Caps {
            bits += payload.len() * 8;
            left -= 1;
        }
    }
    bits * SECOND / units
}

pub(crate) async fn follows(codec: Codec, encoder: &str) {
    let mut camera = running(codec, encoder).await;
    let link = attach(&mut camera, A).await;
    let whole = rate(&link, 2 * SECOND).await;
    link.send(&Frame::bare(Kind::Bitrate, 300_000)).await;
    // What the encoder has begun, and its buffer of a second, still have the earlier rate.
    rate(&link, 2 * SECOND).await;
    let narrow = rate(&link, 2 * SECOND).await;
    assert!(narrow < 600_000 && narrow < whole / 2, "{whole}, then {narrow} bits per second");
    link.send(&Frame::bare(Kind::Bitrate, u64::MAX)).await;
    // libvpx first saves what it spent too much before.
    let mut again = Vec::new();
    while again.last().is_none_or(|again| *again < narrow * 2) {
        again.push(rate(&link, SECOND).await);
        assert!(again.len() < 15, "{narrow}, then {again:?} bits per second");
    }
    camera.call(C::DestroySource).await;
    camera.call(C::CloseCamera).await;
    assert_eq!(camera.ended().await.code(), Some(0));
}

#[tokio::test]
async fn h264_follows_the_only_path() {
    let encoder = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=120";
    follows(Codec::H264, encoder).await;
}

#[tokio::test]
async fn vp8_follows_the_only_path() {
    let encoder = format!(
        "vp8enc deadline=1 cpu-used=8 end-usage=cbr keyframe-max-dist=120 target-bitrate={BITRATE}"
    );
    follows(Codec::Vp8, &encoder).await;
}

#[tokio::test]
async fn a_viewer_far_below_the_others_gets_fewer_units_and_the_other_all() {
    let encoder = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30";
    let mut camera = running(Codec::H264, encoder).await;
    let wide = attach(&mut camera, A).await;
    let narrow = attach(&mut camera, B).await;
    let whole = rate(&wide, SECOND).await;
    narrow.send(&Frame::bare(Kind::Bitrate, 300_000)).await;
    let mut reading = tokio::task::JoinSet::new();
    reading.spawn(async move {
        let mut units = Vec::new();
        while let Some((header, payload)) = narrow.next().await {
            if header.kind != Kind::Caps {
                units.push((header.time, payload.len() * 8));
            }
        }
        units
    });
    rate(&wide, 4 * SECOND).await;
    assert!(rate(&wide, 2 * SECOND).await > whole / 2, "the other's rate is as before");
    camera.call(C::Detach { session: B }).await;
    let sent = reading.join_next().await.unwrap().unwrap();
    // What came before it was thinned is no part of it.
    let (from, until) = (sent[0].0 + 2_000_000_000, sent[sent.len() - 1].0);
    let thinned = sent.iter().filter(|(time, _)| *time >= from);
    let (units, bits) = thinned.fold((0, 0), |(units, sum), (_, bits)| (units + 1, sum + bits));
    let rate = bits as u64 * 1_000_000_000 / (until - from);
    assert!(units > 4 && rate < 600_000, "{units} units, {rate} bits per second of {whole}");
    camera.call(C::DestroySource).await;
    camera.call(C::CloseCamera).await;
}

/// Until the stream's caps say so, and the units come so far apart.
async fn becomes(link: &LinkEnd, width: &str, apart_ms: std::ops::Range<u64>) {
    let (mut is_so, mut last, mut steady, mut seen) = (false, 0, 0, 0);
    while steady < 5 {
        seen += 1;
        assert!(seen < 900, "for half a minute it is not {width} and {apart_ms:?} ms apart");
        let (header, payload) = link.next().await.unwrap();
        if header.kind == Kind::Caps {
            is_so = String::from_utf8_lossy(&payload).contains(width);
            continue;
        }
        let apart = apart_ms.contains(&((header.time - last) / 1_000_000));
        steady = if is_so && apart { steady + 1 } else { 0 };
        last = header.time;
    }
}

pub(crate) async fn steps(codec: Codec, encoder: &str) {
    let mut camera = CameraWorker::camera();
    let launch = format!(
        "videotestsrc name=camera is-live=true pattern=zone-plate kx2=20 ky2=20 kt=3 \
         ! video/x-raw,format=I420,width=640,height=480,framerate=30/1 \
         ! videoscale ! capsfilter name=picture ! {encoder} name=encoder"
    );
    let whole = Whole { width: 640, height: 480, framerate: 30, bitrate: BITRATE };
    camera.call(C::OpenCamera { launch, device: None, codec, whole }).await;
    camera.call(C::CreateSource).await;
    let link = attach(&mut camera, A).await;
    becomes(&link, "width=(int)640", 25..45).await;
    link.send(&Frame::bare(Kind::Bitrate, 90_000)).await;
    becomes(&link, "width=(int)320", 55..80).await;
    link.send(&Frame::bare(Kind::Bitrate, u64::from(BITRATE))).await;
    becomes(&link, "width=(int)640", 25..45).await;
    camera.call(C::DestroySource).await;
    camera.call(C::AwaitCaptureStopped).await;
    camera.call(C::CloseCamera).await;
    assert_eq!(camera.ended().await.code(), Some(0));
}

#[tokio::test]
async fn h264_pictures_become_rarer_and_smaller_on_a_narrow_path_and_whole_again() {
    steps(Codec::H264, "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=120").await;
}

#[tokio::test]
async fn vp8_pictures_become_rarer_and_smaller_on_a_narrow_path_and_whole_again() {
    let encoder = format!(
        "vp8enc deadline=1 cpu-used=8 end-usage=cbr keyframe-max-dist=120 target-bitrate={BITRATE}"
    );
    steps(Codec::Vp8, &encoder).await;
}

fn is_numbered(description: &str) {
    for wanted in [&format!("a=extmap:3 {TRANSPORT_CC}"), "transport-cc"] {
        assert!(description.contains(wanted), "{wanted}: {description}");
    }
}

#[tokio::test]
async fn a_viewers_path_is_estimated() {
    let mut call = Call::new(Codec::H264, Role::Answerer).await;
    call.create_stream().await;
    call.viewer.watch_video(Codec::H264);
    call.peer.call(track(Codec::H264, None)).await;
    is_numbered(&call.answer_the_viewer().await);
    call.connect().await;
    call.enable().await;
    // With each report of the viewer there may be a new estimate; packets bring reports.
    while call.stats().await.path_bitrate.is_none_or(|bitrate| bitrate == BITRATE) {
        call.viewer.receives(call.viewer.packets() + 10).await;
    }
    call.disable().await;
    call.end(true).await;
}

/// GStreamer's own viewer leaves extensions out of its answers: that a browser's reports are heard
/// when the device offers, the tests in the browser show.
#[tokio::test]
async fn an_offer_of_ours_numbers_its_packets() {
    let mut call = Call::new(Codec::H264, Role::Offerer).await;
    call.create_stream().await;
    call.peer.call(track(Codec::H264, None)).await;
    is_numbered(&call.offer_to_the_viewer().await);
    call.end(false).await;
}
