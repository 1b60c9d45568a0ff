// SPDX-License-Identifier: MIT OR Apache-2.0
//! Live figures: what has left is counted at the tap; what the viewer reports comes from webrtcbin.

use gst::prelude::*;
use gst_webrtc::WebRTCStatsType;
use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::ViewerStats;

use super::connection::Scene;
use super::negotiation::on;
use super::promise::promise;
use super::tap::Tap;
use super::tracks::Feed;
use crate::media::state::Stage;

/// Reads them.
pub(super) async fn read(
    stage: &Stage<Scene>,
    feed: &Feed,
    tap: &Tap,
) -> Result<ViewerStats, Fault> {
    let (asked, reply) = promise();
    on(stage, move |peer| {
        let pad = None::<gst::Pad>;
        peer.webrtc.emit_by_name::<()>("get-stats", &[&pad, &asked]);
        Ok(())
    })
    .await?;
    let (frames, frames_dropped) = feed.totals();
    let (packets_sent, bytes_sent) = tap.totals();
    let mut figures =
        ViewerStats { frames, frames_dropped, bytes_sent, packets_sent, ..Default::default() };
    figures.path_bitrate = *feed.path_bitrate.borrow();
    let reply = reply.reply(FaultCode::NegotiationFailed).await?;
    add_reports(&mut figures, &reply);
    Ok(figures)
}

/// Adds the viewer's receiver reports, from a reply to `get-stats`.
fn add_reports(stats: &mut ViewerStats, reply: &gst::StructureRef) {
    for (_, value) in reply.iter() {
        let Ok(entry) = value.get::<gst::Structure>() else { continue };
        if entry.get::<WebRTCStatsType>("type") != Ok(WebRTCStatsType::RemoteInboundRtp) {
            continue;
        }
        if let Some(lost) = integer(&entry, "packets-lost") {
            stats.packets_lost += lost;
        }
        if let Ok(seconds) = entry.get::<f64>("round-trip-time")
            && seconds > 0.0
        {
            stats.round_trip_ms = Some(seconds * 1000.0);
        }
    }
}

/// GStreamer changed the width of this field more than once.
fn integer(entry: &gst::StructureRef, name: &str) -> Option<i64> {
    let value = entry.value(name).ok()?;
    value
        .get::<i64>()
        .or_else(|_| value.get::<i32>().map(i64::from))
        .or_else(|_| value.get::<u32>().map(i64::from))
        .ok()
}
