// SPDX-License-Identifier: MIT OR Apache-2.0
//! Viewers that leave, that vanish, and that are silent though they are there.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use gst_webrtc::WebRTCDataChannel;
use shutterd::lifecycle::Role;
use shutterd::lifecycle::steps::{UNASKED_SILENCE, VIEWER_SILENCE};
use shutterd::wire::{CameraCommand, Codec, Connection, PeerCommand as P, PeerFact};

use crate::call::{Call, S, track};
use crate::viewer::Sight;

/// A call that runs, to a viewer with the device's data channel.
async fn running() -> (Call, WebRTCDataChannel) {
    let mut call = Call::new(Codec::H264, Role::Offerer).await;
    call.create_stream().await;
    call.peer.call(track(Codec::H264, None)).await;
    call.peer.call(P::CreateDataChannel { session: S }).await;
    call.offer_to_the_viewer().await;
    call.connect().await;
    call.enable().await;
    let open = |sight: &Sight| match sight {
        Sight::ChannelOpen(channel) => Some(channel.clone()),
        _ => None,
    };
    let channel = call.viewer.sees("the device's channel", open).await;
    (call, channel)
}

impl Call {
    /// Waits until the device reports that the viewer has vanished; how long it was silent then.
    async fn silence(&mut self) -> Duration {
        let silence = |fact: &PeerFact| match fact {
            PeerFact::Silent { silence, .. } => Some(*silence),
            _ => None,
        };
        self.peer.fact("the silence", silence).await
    }

    /// The viewer vanishes, which is reported when it was silent for `bound`.
    async fn vanishes(&mut self, bound: Duration) {
        assert!(!self.is_silent().await, "declared vanished before it vanished");
        self.viewer.voice.muted.store(true, Relaxed);
        let asked = Instant::now();
        let silence = self.silence().await;
        eprintln!("measured: vanished to reported {:?}, silence {silence:?}", asked.elapsed());
        // This machine is shared: a timer may come late.
        let took = asked.elapsed().saturating_sub(Duration::from_secs(2));
        assert!(silence >= bound && took <= bound, "{silence:?}, {took:?}");
    }

    /// Whether the device has reported that the viewer has vanished.
    async fn is_silent(&mut self) -> bool {
        self.stats().await;
        tokio::time::timeout(Duration::ZERO, self.silence()).await.is_ok()
    }

    async fn heartbeat(&mut self) {
        let heartbeat = |sight: &Sight| match sight {
            Sight::Text(text) => (text == r#"{"type":"heartbeat"}"#).then_some(()),
            _ => None,
        };
        self.viewer.sees("a heartbeat", heartbeat).await;
    }
}

// Failure modes: G2.
#[tokio::test]
async fn a_viewer_that_says_goodbye_is_seen_to_have_left() {
    let mut call = Call::connected(Codec::H264).await;
    call.enable().await;
    call.viewer.say_goodbye();
    let closed = |fact: &PeerFact| match fact {
        PeerFact::Connection { state: Connection::Closed, .. } => Some(()),
        _ => None,
    };
    call.peer.fact("the goodbye", closed).await;
    call.end(false).await;
}

/// GStreamer, as RFC 3550 allows, leaves up to six seconds between two reports; without a channel
/// it cannot be asked.
#[tokio::test]
async fn a_viewer_without_a_channel_that_vanishes_is_reported_later() {
    let mut call = Call::connected(Codec::H264).await;
    call.enable().await;
    call.vanishes(UNASKED_SILENCE).await;
    call.end(false).await;
}

/// The camera's link has ended and nothing is sent. Heartbeats are acknowledged by the viewer's SCTP, with
/// nobody there who reads them: that alone is being there.
// Failure modes: N3, N15.
#[tokio::test]
async fn with_nothing_sent_a_viewer_is_there_and_then_vanishes() {
    let (mut call, _channel) = running().await;
    call.viewer.voice.reports_muted.store(true, Relaxed);
    call.camera.call(CameraCommand::Detach { session: S }).await;
    // Two seconds of silence before each: longer than a viewer may be silent.
    for _ in 0..4 {
        call.heartbeat().await;
    }
    call.vanishes(VIEWER_SILENCE).await;
    call.end(false).await;
}

/// Each outage has its own time, however many there are; the last is longer.
// Failure modes: N4.
#[tokio::test]
async fn a_viewer_that_comes_back_in_time_has_not_vanished() {
    let (mut call, channel) = running().await;
    for _ in 0..4 {
        call.viewer.voice.muted.store(true, Relaxed);
        // It has been silent for two seconds.
        call.heartbeat().await;
        call.viewer.voice.muted.store(false, Relaxed);
        channel.send_string_full(Some("here")).unwrap();
        let here = |fact: &PeerFact| match fact {
            PeerFact::Message { text, .. } => (text == "here").then_some(()),
            _ => None,
        };
        call.peer.fact("the viewer's word", here).await;
    }
    call.vanishes(VIEWER_SILENCE).await;
    call.end(false).await;
}
