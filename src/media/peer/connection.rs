// SPDX-License-Identifier: MIT OR Apache-2.0
//! One viewer's pipeline: made and destroyed here, on its stage. Handlers hold nothing of it but
//! weak references; a strong one in a handler of webrtcbin would keep webrtcbin for ever.

use std::sync::Arc;
use std::time::Instant;

use gst::glib;
use gst::prelude::*;
use gst_webrtc::{
    WebRTCDataChannel, WebRTCICEGatheringState, WebRTCPeerConnectionState as PeerState,
};
use shutterd::lifecycle::{Fault, FaultCode, Role};
use shutterd::wire::Connection;

use super::channel;
use super::estimate::Estimator;
use super::handshake::Handshake;
use super::retransmission;
use super::signs::Signs;
use super::tap::Tap;
use super::tracks::Tracks;
use crate::media::elements;
use crate::media::failure;
use crate::media::farewell::{Farewell, MOMENT};
use crate::media::state::{OnStage, Stage};

/// What is on a session's stage.
pub(super) type Scene = Option<Peer>;

/// One viewer's pipeline.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) pipeline: gst::Pipeline,
    pub(super) webrtc: gst::Element,
    pub(super) role: Role,
    pub(super) tracks: Option<Tracks>,
    /// The caps of the link's stream, which may be there before the tracks are, or after.
    pub(super) stream: Option<String>,
    pub(super) channel: Option<WebRTCDataChannel>,
    pub(super) signs: Arc<Signs>,
    pub(super) estimator: Option<Estimator>,
    handlers: Vec<(glib::Object, glib::SignalHandlerId)>,
}

/// Makes the pipeline in `scene`, with webrtcbin in READY.
pub(super) fn create(
    scene: &mut Scene,
    role: Role,
    ice_servers: &[String],
    signs: &Arc<Signs>,
    tap: &Arc<Tap>,
    stage: &Stage<Scene>,
    here: &OnStage,
) -> Result<(), Fault> {
    for element in ["nicesrc", "nicesink", "dtlssrtpenc", "srtpenc", "sctpenc"] {
        // webrtcbin makes these itself, and only aborts or logs when it cannot.
        gst::ElementFactory::find(element).ok_or_else(|| elements::missing(element))?;
    }
    let webrtc = elements::make("webrtcbin")?;
    webrtc.set_property_from_str("bundle-policy", "max-bundle");
    webrtc.set_property("latency", 0u32);
    configure_ice(&webrtc, ice_servers)?;
    let pipeline = gst::Pipeline::new();
    pipeline.add(&webrtc).map_err(|e| refused(&e.to_string()))?;
    // Times on the link are CLOCK_MONOTONIC: with this clock and a base time of zero they are
    // running times of this pipeline as they stand.
    pipeline.use_clock(Some(&gst::SystemClock::obtain()));
    pipeline.set_start_time(gst::ClockTime::NONE);
    pipeline.set_base_time(gst::ClockTime::ZERO);
    let handlers = connect(&pipeline, &webrtc, signs, tap);
    watch_bus(&pipeline, signs, stage);
    let signs = Arc::clone(signs);
    let peer = scene.insert(Peer {
        pipeline,
        webrtc,
        role,
        tracks: None,
        stream: None,
        channel: None,
        signs,
        estimator: None,
        handlers,
    });
    here.bring(peer.pipeline.upcast_ref(), gst::State::Ready)
        .map_err(|_| refused("webrtcbin refuses READY"))?;
    Ok(())
}

fn refused(detail: &str) -> Fault {
    Fault::new(FaultCode::NegotiationFailed, detail)
}

/// No contact with the outside that is not configured, and no waiting for any.
fn configure_ice(webrtc: &gst::Element, servers: &[String]) -> Result<(), Fault> {
    if let Some(agent) = child(webrtc, "ice-agent").and_then(|ice| child(&ice, "agent")) {
        // UPnP delays the end of gathering by 200 ms and leaves threads behind.
        set_where_present(&agent, "upnp", false);
        set_where_present(&agent, "ice-tcp", false);
        set_where_present(&agent, "stun-pacing-timer", 5u32);
        set_where_present(&agent, "keepalive-conncheck", true);
    }
    for server in servers {
        let Some((scheme, rest)) = server.split_once(':') else {
            return Err(refused(&format!("ICE server `{server}`")));
        };
        let url = format!("{scheme}://{}", rest.trim_start_matches("//"));
        match scheme {
            "stun" => webrtc.set_property("stun-server", &url),
            "turn" | "turns" => {
                if !webrtc.emit_by_name::<bool>("add-turn-server", &[&url]) {
                    return Err(refused(&format!("TURN server `{server}` is not understood")));
                }
            }
            _ => return Err(refused(&format!("ICE server `{server}`"))),
        }
    }
    Ok(())
}

fn child(object: &impl IsA<glib::Object>, name: &str) -> Option<glib::Object> {
    object.find_property(name)?;
    object.property_value(name).get().ok()
}

fn set_where_present(object: &glib::Object, name: &str, value: impl Into<glib::Value>) {
    let value = value.into();
    let fits = object.find_property(name).is_some_and(|p| {
        p.flags().contains(glib::ParamFlags::WRITABLE) && p.value_type() == value.type_()
    });
    if fits {
        object.set_property_from_value(name, &value);
    }
}

fn connect(
    pipeline: &gst::Pipeline,
    webrtc: &gst::Element,
    signs: &Arc<Signs>,
    tap: &Arc<Tap>,
) -> Vec<(glib::Object, glib::SignalHandlerId)> {
    let mut handlers = Vec::new();
    let mut keep = |object: &glib::Object, id| handlers.push((object.clone(), id));
    let object = webrtc.upcast_ref::<glib::Object>();
    let to = Arc::clone(signs);
    keep(
        object,
        webrtc.connect("on-ice-candidate", false, move |values| {
            let mline = values.get(1)?.get::<u32>().ok()?;
            to.candidate(mline, values.get(2)?.get::<String>().ok()?);
            None
        }),
    );
    let to = Arc::clone(signs);
    keep(
        object,
        webrtc.connect_notify(Some("ice-gathering-state"), move |w, _| {
            let state = w.property::<WebRTCICEGatheringState>("ice-gathering-state");
            if state == WebRTCICEGatheringState::Complete {
                to.gathered();
            }
        }),
    );
    let to = Arc::clone(signs);
    keep(
        object,
        webrtc.connect_notify(Some("connection-state"), move |w, _| {
            to.connection(match w.property::<PeerState>("connection-state") {
                PeerState::Connected => Connection::Connected,
                PeerState::Disconnected => Connection::Disconnected,
                PeerState::Failed => Connection::Failed,
                PeerState::Closed => Connection::Closed,
                _ => Connection::Connecting,
            });
        }),
    );
    let to = Arc::clone(signs);
    keep(
        object,
        webrtc.connect("on-data-channel", false, move |values| {
            let channel = values.get(1)?.get::<WebRTCDataChannel>().ok()?;
            channel::listen(&channel, &to);
            None
        }),
    );
    let (to, tap, handshake) = (Arc::clone(signs), Arc::clone(tap), Arc::default());
    keep(
        pipeline.upcast_ref(),
        pipeline.connect_deep_element_added(move |_, _, element| {
            inside(element, &to, &tap, &handshake);
        }),
    );
    handlers
}

/// webrtcbin makes its transport itself; this is where it is met.
fn inside(element: &gst::Element, signs: &Arc<Signs>, tap: &Arc<Tap>, handshake: &Arc<Handshake>) {
    let Some(factory) = element.factory() else { return };
    match factory.name().as_str() {
        "nicesink" => {
            if let Some(pad) = element.static_pad("sink") {
                tap.sit_on(&pad);
            }
        }
        "nicesrc" => {
            if let Some(pad) = element.static_pad("src") {
                signs.inlet().sit_on(&pad);
            }
        }
        "dtlsenc" => handshake.begins_with(element),
        "dtlsdec" => handshake.is_awaited_by(element),
        "rtprtxsend" => retransmission::bound(element),
        // A viewer that says goodbye (close_notify) leaves webrtcbin's connection-state at
        // connected; only the DTLS element itself tells.
        "dtlssrtpenc" => {
            let signs = Arc::clone(signs);
            element.connect_notify(Some("connection-state"), move |element, _| {
                let state = element.property_value("connection-state");
                if state.serialize().is_ok_and(|s| s == "closed") {
                    signs.connection(Connection::Closed);
                }
            });
        }
        _ => {}
    }
}

/// Messages are read where they are posted and none is kept: a message holds its element.
fn watch_bus(pipeline: &gst::Pipeline, signs: &Arc<Signs>, stage: &Stage<Scene>) {
    let Some(bus) = pipeline.bus() else { return };
    let (signs, stage) = (Arc::clone(signs), stage.clone());
    bus.set_sync_handler(move |_, message| {
        match message.view() {
            // The data channel ends with its viewer, which DTLS tells; the picture needs no SCTP.
            gst::MessageView::Error(error) if failure::is_of_data_channel(error) => {
                tracing::debug!(error = %error.error(), "data channel");
            }
            gst::MessageView::Error(error) => signs.failed(failure::of_peer(error)),
            // Unanswered, every packet would be sent without knowing its latency.
            gst::MessageView::Latency(_) => stage.post(|scene, _| {
                if let Some(peer) = scene {
                    peer.recalculate_latency();
                }
            }),
            _ => {}
        }
        gst::BusSyncReply::Drop
    });
}

impl Peer {
    /// Asks every element for its latency, and tells the result to all. It fails while the pipeline
    /// is not live yet, and will be asked for again.
    pub(super) fn recalculate_latency(&self) {
        let _ = self.pipeline.recalculate_latency();
    }

    /// NULL and dropped. Never called from a callback of webrtcbin: READY to NULL waits for the
    /// thread on which those run. Done when the pipeline is seen to be finalised.
    pub(super) fn destroy(mut self, here: &OnStage) -> Result<(), Fault> {
        self.signs.end();
        if let Some(channel) = self.channel.take() {
            channel.close();
        }
        for (object, handler) in self.handlers.drain(..) {
            object.disconnect(handler);
        }
        if !self.signs.inlet().shut() {
            tracing::debug!("a packet of the viewer is held back");
        }
        let refused_null = here.bring(self.pipeline.upcast_ref(), gst::State::Null).is_err();
        if let Some(bus) = self.pipeline.bus() {
            bus.set_flushing(true);
            bus.unset_sync_handler();
        }
        let (whole, inner) = (Farewell::of(&self.pipeline), Farewell::of(&self.webrtc));
        drop(self);
        if refused_null {
            return Err(refused("the pipeline refuses NULL"));
        }
        let deadline = Instant::now() + MOMENT;
        match (whole.came_by(deadline), inner.came_by(deadline)) {
            (true, true) => Ok(()),
            (false, _) => Err(refused("the pipeline is still referenced after NULL")),
            (_, false) => Err(refused("webrtcbin outlives its pipeline")),
        }
    }
}
