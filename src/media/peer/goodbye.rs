// SPDX-License-Identifier: MIT OR Apache-2.0
//! The goodbye: DTLS close_notify, so that the viewer knows at once and not after its own timeouts.
//! webrtcbin going to NULL does not send it.

use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;
use shutterd::lifecycle::Fault;

use super::connection::{Peer, Scene};
use super::tap::Tap;
use crate::media::state::Stage;

/// How long its leaving is waited for.
const BOUND: Duration = Duration::from_millis(100);

/// Says it, and waits until it is written to the socket. Best effort: a viewer that does not get it
/// has to find out by itself.
pub(super) async fn say(stage: &Stage<Scene>, tap: &Arc<Tap>) -> Result<(), Fault> {
    if !stage.run(|scene, _| scene.as_ref().is_some_and(end_data)).await? {
        return Ok(());
    }
    if tokio::time::timeout(BOUND, tap.await_alert()).await.is_err() {
        tracing::info!("the goodbye did not leave");
    }
    // Seen at the tap is not yet written.
    let tap = Arc::clone(tap);
    stage.run(move |_, _| tap.settle()).await
}

/// Whether there was anyone to say it. dtlsenc says it when its data ends, so its input,
/// which may not exist where there is no data channel, is told that it ended.
fn end_data(peer: &Peer) -> bool {
    let Some(webrtc) = peer.webrtc.downcast_ref::<gst::Bin>() else { return false };
    let is_encoder = |e: &gst::Element| e.factory().is_some_and(|f| f.name() == "dtlsenc");
    let encoder = webrtc.iterate_recurse().into_iter().flatten().find(is_encoder);
    let Some(encoder) = encoder else { return false };
    let pad = encoder.static_pad("sink").or_else(|| encoder.request_pad_simple("sink"));
    pad.is_some_and(|pad| pad.send_event(gst::event::Eos::new()))
}
