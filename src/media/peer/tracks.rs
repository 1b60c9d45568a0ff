// SPDX-License-Identifier: MIT OR Apache-2.0
//! The video track: appsrc, payloader and webrtcbin's transceiver.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gst::prelude::*;
use gst_webrtc::{WebRTCRTPTransceiver, WebRTCRTPTransceiverDirection as Direction};
use shutterd::lifecycle::{Fault, FaultCode, Role};
use shutterd::wire::{Codec, Promise, VideoTrack};
use tokio::sync::{Notify, watch};

use super::caps::{format_of, format_of_offer, keep_format, preferences, promise_caps};
use super::connection::Peer;
use super::extensions;
use super::gate::{Gate, Unit};
use super::payload;
use super::wrong_state;
use crate::media::elements;
use crate::media::state::OnStage;

/// What may wait inside the pipeline before units are left out: seconds of video.
const QUEUED_BYTES: u64 = 4 << 20;

/// The largest RTP packet, so that with its wrappings it fits the paths that exist.
const MTU: u32 = 1200;

/// The elements of the track, on the stage.
#[derive(Debug)]
pub(super) struct Tracks {
    source: gst_app::AppSrc,
    payloader: gst::Element,
    codec: Codec,
    /// Bits per second of the stream, where the viewer reports on its packets.
    pub(super) numbered_bitrate: Option<u32>,
}

/// What the link feeds: shared with the tasks outside the stage, so it holds the pipeline's
/// element weakly.
#[derive(Debug, Default)]
pub(super) struct Feed {
    source: gst::glib::WeakRef<gst_app::AppSrc>,
    gate: Mutex<Gate>,
    frames: AtomicU64,
    /// Bits per second that the viewer's path takes, once that is known.
    pub(super) path_bitrate: watch::Sender<Option<u32>>,
    /// The viewer, or the gate, needs a keyframe.
    pub(super) keyframe_wanted: Notify,
}

impl Feed {
    /// Never held across a call that may block.
    pub(super) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A unit from the link, on to the payloader if the gate lets it.
    pub(super) fn take(&self, unit: Unit) {
        let passed = self.gate().push(unit);
        if let Some(unit) = passed {
            self.send(unit);
        }
    }

    /// Opens the gate at what it holds, or asks for a keyframe.
    pub(super) fn open(&self) {
        let now = gst::SystemClock::obtain().time().nseconds();
        let held = self.gate().open(now);
        if held.is_empty() {
            self.keyframe_wanted.notify_one();
        }
        for unit in held {
            self.send(unit);
        }
    }

    fn send(&self, unit: Unit) {
        let Some(source) = self.source.upgrade() else { return };
        if source.current_level_bytes() > QUEUED_BYTES {
            self.gate().interrupt();
            self.keyframe_wanted.notify_one();
            return;
        }
        let mut buffer = gst::Buffer::from_slice(unit.bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(unit.time));
            if !unit.keyframe {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        // Refused only while the pipeline is being destroyed.
        if source.push_buffer(buffer).is_ok() {
            self.frames.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Access units given to the payloader, and units left out while open.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.frames.load(Ordering::Relaxed), self.gate().dropped())
    }
}

impl Peer {
    /// Adds the track with the gate shut.
    pub(super) fn add_tracks(
        &mut self,
        video: &VideoTrack,
        feed: &Arc<Feed>,
        here: &OnStage,
    ) -> Result<(), Fault> {
        if self.tracks.is_some() {
            return Err(wrong_state("the tracks were added before"));
        }
        let ssrc = random_ssrc();
        let source = make_source()?;
        let payloader = make_payloader(video, ssrc)?;
        extensions::add(&payloader, video.extensions);
        let chain = [source.upcast_ref(), &payloader];
        self.pipeline.add_many(chain).map_err(no_link)?;
        gst::Element::link_many(chain).map_err(no_link)?;
        // An automatic pad, not `sink_0`: that would tie the track to the first media section, and
        // with an offer that has audio first webrtcbin would hang for ever.
        let pad = self
            .webrtc
            .request_pad_simple("sink_%u")
            .ok_or_else(|| negotiation("webrtcbin gives no pad"))?;
        let transceiver = pad.property::<WebRTCRTPTransceiver>("transceiver");
        transceiver.set_direction(Direction::Sendonly);
        transceiver.set_codec_preferences(Some(&preferences(video)));
        // Before the remote description, or there is no retransmission in the answer.
        transceiver.set_property("do-nack", true);
        let signs = Arc::clone(&self.signs);
        pad.connect_caps_notify(move |pad| {
            if pad.current_caps().is_some() {
                signs.caps_arrived();
            }
        });
        let from = payloader.static_pad("src").ok_or_else(|| negotiation("no payloader pad"))?;
        let promise = video.promise.as_ref().filter(|_| self.stream.is_none());
        match (self.role, promise, video.codec) {
            (_, _, Codec::Vp8) => {}
            (Role::Answerer, ..) => keep_format(&from, format_of_offer(video)),
            (Role::Offerer, Some(promise), codec) => keep_format(&from, format_of(codec, promise)),
            // Only the payloader of H.264 says itself what the stream is.
            (Role::Offerer, None, Codec::H264) => {}
            (Role::Offerer, None, codec) => {
                keep_format(&from, format_of(codec, &Promise::default()))
            }
        }
        payload::link(&from, &pad, video.payload)
            .map_err(|e| negotiation(&format!("webrtcbin: {e}")))?;
        listen_for_wishes(&source, feed);
        feed.source.set(Some(&source));
        let tracks = self.tracks.insert(Tracks {
            source,
            payloader,
            codec: video.codec,
            numbered_bitrate: video.extensions.transport_cc.map(|_| video.bitrate),
        });
        if let Some(stream) = &self.stream {
            tracks.set_stream(stream)?;
        }
        here.bring(self.pipeline.upcast_ref(), gst::State::Playing)
            .map_err(|_| negotiation("the pipeline refuses PLAYING"))?;
        if let Some(promise) = promise {
            promise_caps(&tracks.payloader, video, promise, ssrc)?;
        }
        Ok(())
    }

    /// The link's stream has these caps. Told on the stage, so that tracks that are being added
    /// miss none.
    pub(super) fn set_stream(&mut self, caps: String) -> Result<(), Fault> {
        if let Some(tracks) = &self.tracks {
            tracks.set_stream(&caps)?;
        }
        self.stream = Some(caps);
        Ok(())
    }
}

impl Tracks {
    /// The link's stream has these caps: with `codec_data` in them the payloader's own caps are
    /// complete and reach webrtcbin without any data.
    pub(super) fn set_stream(&self, caps: &str) -> Result<(), Fault> {
        let invalid = |detail: String| Fault::new(FaultCode::WireInvalid, detail);
        let caps = gst::Caps::from_str(caps).map_err(|_| invalid(format!("caps `{caps}`")))?;
        let expected = self.codec.media_type();
        if caps.structure(0).is_none_or(|s| s.name() != expected) || !caps.is_fixed() {
            return Err(invalid(format!("the stream is {caps}, the track is {}", self.codec)));
        }
        self.source.set_caps(Some(&caps));
        tracing::debug!(payloader = %self.payloader.name(), %caps, "stream");
        Ok(())
    }
}

fn make_source() -> Result<gst_app::AppSrc, Fault> {
    let source: gst_app::AppSrc =
        elements::make("appsrc")?.downcast().map_err(|_| elements::missing("appsrc"))?;
    source.set_is_live(true);
    source.set_format(gst::Format::Time);
    source.set_max_bytes(0);
    Ok(source)
}

fn make_payloader(video: &VideoTrack, ssrc: u32) -> Result<gst::Element, Fault> {
    let payloader = match video.codec {
        Codec::H264 => {
            let payloader = elements::make("rtph264pay")?;
            payloader.set_property("config-interval", -1i32);
            payloader.set_property_from_str("aggregate-mode", "zero-latency");
            payloader
        }
        Codec::H265 => {
            let payloader = elements::make("rtph265pay")?;
            payloader.set_property("config-interval", -1i32);
            payloader.set_property_from_str("aggregate-mode", "zero-latency");
            payloader
        }
        Codec::Vp8 => {
            let payloader = elements::make("rtpvp8pay")?;
            payloader.set_property_from_str("picture-id-mode", "15-bit");
            payloader
        }
    };
    payloader.set_property("pt", payload::of_payloader(video.payload));
    payloader.set_property("ssrc", ssrc);
    payloader.set_property("mtu", MTU);
    Ok(payloader)
}

/// Picture-loss indications arrive as upstream events and would end at appsrc.
fn listen_for_wishes(source: &gst_app::AppSrc, feed: &Arc<Feed>) {
    let Some(pad) = source.static_pad("src") else { return };
    let feed = Arc::clone(feed);
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| match info.event() {
        Some(event) if gst_video::ForceKeyUnitEvent::is(event) => {
            feed.keyframe_wanted.notify_one();
            // Not `Drop`: these bindings have let go of the event then, and the core does again.
            gst::PadProbeReturn::Handled
        }
        _ => gst::PadProbeReturn::Ok,
    });
}

/// Random enough: two sessions never meet in one RTP session. Zero and the largest are avoided,
/// which elements take for "choose one".
fn random_ssrc() -> u32 {
    gst::glib::random_int().clamp(1, u32::MAX - 1)
}

fn no_link(error: gst::glib::BoolError) -> Fault {
    negotiation(&error.to_string())
}

fn negotiation(detail: &str) -> Fault {
    Fault::new(FaultCode::NegotiationFailed, detail)
}
