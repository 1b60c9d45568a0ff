// SPDX-License-Identifier: MIT OR Apache-2.0
//! A viewer: a webrtcbin of this process that receives, and counts what arrives on its socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gst::glib;
use gst::prelude::*;
use gst_sdp::SDPMessage;
use gst_webrtc::{
    WebRTCDataChannel, WebRTCRTPTransceiver, WebRTCRTPTransceiverDirection as Direction,
    WebRTCSDPType, WebRTCSessionDescription,
};
use shutterd::wire::{Candidate, Codec, TRANSPORT_CC};
use tokio::sync::{mpsc, watch};

use crate::decoder::receive;
use crate::soon::soon;

/// What arrives.
#[derive(Debug)]
pub(crate) enum Sight {
    Candidate(Candidate),
    ChannelOpen(WebRTCDataChannel),
    Text(String),
    /// It can read what the device sends: packets that are there before its keys are lost to it.
    HasKeys,
    /// The device said goodbye (DTLS close_notify).
    Goodbye,
    /// The first access unit, whether decoding can begin with it, and its size.
    FirstUnit {
        keyframe: bool,
    },
    /// A later one with which decoding can begin, after so many.
    Keyframe {
        #[allow(dead_code, reason = "for those who count")]
        unit: u64,
    },
}

/// What of the viewer reaches the device. STUN does always: libnice sends it by itself.
#[derive(Debug, Default)]
pub(crate) struct Voice {
    /// No RTCP.
    pub(crate) reports_muted: AtomicBool,
    /// Nothing at all, as when the viewer was killed or its network cut.
    pub(crate) muted: AtomicBool,
}

impl Voice {
    fn swallows(&self, head: Option<[u8; 2]>) -> bool {
        let report = head.is_some_and(|[first, second]| first >> 6 == 2 && is_rtcp(second));
        self.muted.load(Ordering::Relaxed) || (report && self.reports_muted.load(Ordering::Relaxed))
    }
}

pub(crate) struct Viewer {
    pipeline: gst::Pipeline,
    webrtc: gst::Element,
    /// (S)RTP packets that came out of the socket.
    packets: Arc<watch::Sender<u64>>,
    pub(crate) voice: Arc<Voice>,
    /// Pictures that were decoded.
    frames: Arc<watch::Sender<u64>>,
    sights: mpsc::UnboundedReceiver<Sight>,
    unread: Vec<Sight>,
    _channel: Option<WebRTCDataChannel>,
}

#[expect(clippy::disallowed_methods, reason = "the viewer is no product code")]
fn set_state(pipeline: &gst::Pipeline, state: gst::State) {
    pipeline.set_state(state).unwrap();
}

fn head(buffer: &gst::BufferRef) -> Option<[u8; 2]> {
    let mut head = [0; 2];
    buffer.copy_to_slice(0, &mut head).ok().map(|()| head)
}

/// RFC 5761: the second byte tells.
fn is_rtcp(second: u8) -> bool {
    (192..=223).contains(&second)
}

fn is_rtp(buffer: &gst::BufferRef) -> bool {
    head(buffer).is_some_and(|[first, second]| first >> 6 == 2 && !is_rtcp(second))
}

fn rtp_caps(media: &str, name: &str, payload: i32, rate: i32) -> gst::Caps {
    let mut caps = gst::Caps::builder("application/x-rtp")
        .field("media", media)
        .field("encoding-name", name)
        .field("payload", payload)
        .field("clock-rate", rate);
    caps = match name {
        "H264" => caps.field("packetization-mode", "1").field("profile-level-id", "42e01f"),
        "H265" => caps
            .field("level-id", "180")
            .field("profile-id", "1")
            .field("tier-flag", "0")
            .field("tx-mode", "SRST"),
        _ => caps,
    };
    if name.starts_with("H26") {
        caps = caps
            .field("rtcp-fb-nack-pli", true)
            .field("rtcp-fb-nack", true)
            .field("rtcp-fb-transport-cc", true)
            .field("extmap-3", TRANSPORT_CC);
    }
    caps.build()
}

/// The payload type that it offers: of H.265 a low one, as Chromium does.
pub(crate) fn payload(codec: Codec) -> u8 {
    if codec == Codec::H265 { 49 } else { 108 }
}

impl Viewer {
    pub(crate) fn new() -> Self {
        gst::init().unwrap();
        let pipeline = gst::Pipeline::new();
        let webrtc = gst::ElementFactory::make("webrtcbin")
            .property_from_str("bundle-policy", "max-bundle")
            .build()
            .unwrap();
        pipeline.add(&webrtc).unwrap();
        let agent = webrtc.property::<glib::Object>("ice-agent").property::<glib::Object>("agent");
        agent.set_property("upnp", false);
        agent.set_property("ice-tcp", false);
        let (sight, sights) = mpsc::unbounded_channel();
        let to = sight.clone();
        webrtc.connect("on-ice-candidate", false, move |values| {
            let mline = values[1].get().unwrap();
            let candidate = values[2].get().unwrap();
            let _ = to.send(Sight::Candidate(Candidate { candidate, mline }));
            None
        });
        let to = sight.clone();
        webrtc.connect("on-data-channel", false, move |values| {
            let channel: WebRTCDataChannel = values[1].get().unwrap();
            let text = to.clone();
            channel.connect_on_message_string(move |_, message| {
                let _ = text.send(Sight::Text(message.unwrap_or_default().to_owned()));
            });
            let _ = to.send(Sight::ChannelOpen(channel));
            None
        });
        let goodbye = sight.clone();
        let to = sight;
        let into = pipeline.downgrade();
        let frames = Arc::new(watch::Sender::new(0));
        let decoded = Arc::clone(&frames);
        webrtc.connect_pad_added(move |_, pad| {
            if let Some(pipeline) = into.upgrade() {
                receive(&pipeline, pad, &to, &decoded);
            }
        });
        let packets = Arc::new(watch::Sender::new(0));
        let voice = Arc::new(Voice::default());
        let (count, said) = (Arc::clone(&packets), Arc::clone(&voice));
        pipeline.connect_deep_element_added(move |_, _, element| {
            let name = element.factory().map(|f| f.name().to_string()).unwrap_or_default();
            if name == "nicesrc" {
                let count = Arc::clone(&count);
                let pad = element.static_pad("src").unwrap();
                pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                    if info.buffer().is_some_and(|b| is_rtp(b)) {
                        count.send_modify(|n| *n += 1);
                    }
                    gst::PadProbeReturn::Ok
                });
            } else if name == "dtlssrtpenc" {
                let to = goodbye.clone();
                element.connect_notify(Some("connection-state"), move |element, _| {
                    let state = element.property_value("connection-state");
                    let _ = match state.serialize().unwrap().as_str() {
                        "connected" => to.send(Sight::HasKeys),
                        "closed" => to.send(Sight::Goodbye),
                        _ => Ok(()),
                    };
                });
            } else if name == "nicesink" {
                let said = Arc::clone(&said);
                let pad = element.static_pad("sink").unwrap();
                let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
                pad.add_probe(mask, move |_, info| {
                    match said.swallows(info.buffer().and_then(|b| head(b))) {
                        true => gst::PadProbeReturn::Handled,
                        false => gst::PadProbeReturn::Ok,
                    }
                });
            }
        });
        set_state(&pipeline, gst::State::Playing);
        Self {
            pipeline,
            webrtc,
            packets,
            voice,
            frames,
            sights,
            unread: Vec::new(),
            _channel: None,
        }
    }

    async fn ask(
        &self,
        signal: &str,
        argument: Option<WebRTCSessionDescription>,
    ) -> gst::Structure {
        let (sender, reply) = tokio::sync::oneshot::channel();
        let promise = gst::Promise::with_change_func(move |reply| {
            let reply = reply.unwrap().map(|r| r.to_owned());
            let _ = sender.send(reply.unwrap_or_else(|| gst::Structure::new_empty("none")));
        });
        match argument {
            Some(description) => {
                self.webrtc.emit_by_name::<()>(signal, &[&description, &promise]);
            }
            None => {
                let options = None::<gst::Structure>;
                self.webrtc.emit_by_name::<()>(signal, &[&options, &promise]);
            }
        }
        let reply = soon(signal, reply).await.unwrap();
        assert!(reply.get::<glib::Error>("error").is_err(), "{signal}: {reply:?}");
        reply
    }

    fn add_transceiver(&self, caps: &gst::Caps, direction: Direction) {
        let transceiver = self
            .webrtc
            .emit_by_name::<WebRTCRTPTransceiver>("add-transceiver", &[&direction, caps]);
        transceiver.set_property("do-nack", true);
    }

    pub(crate) fn watch_video(&self, codec: Codec) {
        let caps = rtp_caps("video", codec.encoding_name(), payload(codec).into(), 90_000);
        self.add_transceiver(&caps, Direction::Recvonly);
    }

    pub(crate) fn add_audio(&self, direction: Direction) {
        let caps = rtp_caps("audio", "OPUS", 111, 48_000);
        self.add_transceiver(&caps, direction);
    }

    pub(crate) fn add_channel(&mut self) {
        let options = None::<gst::Structure>;
        self._channel = Some(
            self.webrtc
                .emit_by_name::<WebRTCDataChannel>("create-data-channel", &[&"page", &options]),
        );
    }

    pub(crate) async fn offer(&self) -> String {
        self.describe("create-offer", "offer").await
    }

    async fn describe(&self, signal: &str, field: &str) -> String {
        let reply = self.ask(signal, None).await;
        let description = reply.get::<WebRTCSessionDescription>(field).unwrap();
        let text = description.sdp().as_text().unwrap();
        self.ask("set-local-description", Some(description)).await;
        text
    }

    async fn set_remote(&self, kind: WebRTCSDPType, sdp: &str) {
        let sdp = SDPMessage::parse_buffer(sdp.as_bytes()).unwrap();
        let description = WebRTCSessionDescription::new(kind, sdp);
        self.ask("set-remote-description", Some(description)).await;
    }

    pub(crate) async fn set_answer(&self, sdp: &str) {
        self.set_remote(WebRTCSDPType::Answer, sdp).await;
    }

    pub(crate) async fn answer(&self, offer: &str) -> String {
        self.set_remote(WebRTCSDPType::Offer, offer).await;
        self.describe("create-answer", "answer").await
    }

    /// The next sight that `pick` takes; others stay for later.
    pub(crate) async fn sees<T>(&mut self, what: &str, pick: impl Fn(&Sight) -> Option<T>) -> T {
        for at in 0..self.unread.len() {
            if let Some(found) = pick(&self.unread[at]) {
                self.unread.remove(at);
                return found;
            }
        }
        soon(what, async {
            loop {
                let sight = self.sights.recv().await.unwrap();
                if let Some(found) = pick(&sight) {
                    return found;
                }
                self.unread.push(sight);
            }
        })
        .await
    }

    pub(crate) async fn candidate(&mut self) -> Candidate {
        self.sees("a candidate of the viewer", |sight| match sight {
            Sight::Candidate(candidate) => Some(candidate.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) fn packets(&self) -> u64 {
        *self.packets.borrow()
    }

    /// Counts the pictures that were decoded.
    #[allow(dead_code, reason = "for those who watch a whole service")]
    pub(crate) fn frames(&self) -> watch::Receiver<u64> {
        self.frames.subscribe()
    }

    pub(crate) async fn receives(&self, at_least: u64) {
        let mut packets = self.packets.subscribe();
        soon("packets", packets.wait_for(|n| *n >= at_least)).await.unwrap();
    }

    /// A picture-loss indication, as a decoder that cannot go on sends it.
    pub(crate) fn ask_for_keyframe(&self) {
        for pad in self.webrtc.src_pads() {
            let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
            assert!(pad.send_event(event));
        }
    }

    /// Says goodbye (DTLS close_notify), as a page that is closed does; GStreamer does so when its
    /// stream of data ends.
    pub(crate) fn say_goodbye(&self) {
        let webrtc = self.webrtc.downcast_ref::<gst::Bin>().unwrap();
        let is_encoder = |e: &gst::Element| e.factory().is_some_and(|f| f.name() == "dtlsenc");
        let encoder = webrtc.iterate_recurse().into_iter().flatten().find(is_encoder).unwrap();
        let pad = encoder.static_pad("sink").or_else(|| encoder.request_pad_simple("sink"));
        pad.unwrap().send_event(gst::event::Eos::new());
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        set_state(&self.pipeline, gst::State::Null);
    }
}
