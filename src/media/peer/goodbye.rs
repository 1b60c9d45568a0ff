// SPDX-License-Identifier: MIT OR Apache-2.0
//! The goodbye: DTLS close_notify, so that the viewer knows at once and not after its own timeouts.
//! webrtcbin going to NULL does not send it.

use std::time::Duration;

use gst::prelude::*;

use super::connection::Peer;

/// How long its leaving is waited for.
pub(super) const BOUND: Duration = Duration::from_millis(100);

/// Says it; whether there was anyone to say it. dtlsenc says it when its data ends, so its input,
/// which may not exist where there is no data channel, is told that it ended.
pub(super) fn say(peer: &Peer) -> bool {
    let Some(webrtc) = peer.webrtc.downcast_ref::<gst::Bin>() else { return false };
    let is_encoder = |e: &gst::Element| e.factory().is_some_and(|f| f.name() == "dtlsenc");
    let encoder = webrtc.iterate_recurse().into_iter().flatten().find(is_encoder);
    let Some(encoder) = encoder else { return false };
    let pad = encoder.static_pad("sink").or_else(|| encoder.request_pad_simple("sink"));
    pad.is_some_and(|pad| pad.send_event(gst::event::Eos::new()))
}
