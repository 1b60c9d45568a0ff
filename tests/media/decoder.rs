// SPDX-License-Identifier: MIT OR Apache-2.0
//! The viewer's end of a track.

use std::sync::atomic::{AtomicU64, Ordering};

use gst::prelude::*;
use tokio::sync::mpsc;

use crate::viewer::Sight;

/// Takes RTP apart as far as is needed to know a keyframe.
pub(crate) fn receive(pipeline: &gst::Pipeline, pad: &gst::Pad, to: &mpsc::UnboundedSender<Sight>) {
    if pad.direction() != gst::PadDirection::Src {
        return;
    }
    let caps = pad.current_caps().unwrap();
    let name = caps.structure(0).unwrap().get::<String>("encoding-name").unwrap();
    let depay = match name.as_str() {
        "H264" => "rtph264depay",
        "VP8" => "rtpvp8depay",
        _ => return,
    };
    let depay = gst::ElementFactory::make(depay).build().unwrap();
    let sink = gst::ElementFactory::make("fakesink").property("sync", false).build().unwrap();
    pipeline.add_many([&depay, &sink]).unwrap();
    depay.link(&sink).unwrap();
    let to = to.clone();
    let seen = AtomicU64::new(0);
    sink.static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if seen.fetch_add(1, Ordering::Relaxed) == 0 {
            let flags = info.buffer().unwrap().flags();
            let keyframe = !flags.contains(gst::BufferFlags::DELTA_UNIT);
            let _ = to.send(Sight::FirstUnit { keyframe });
        }
        gst::PadProbeReturn::Ok
    });
    pad.link(&depay.static_pad("sink").unwrap()).unwrap();
    depay.sync_state_with_parent().unwrap();
    sink.sync_state_with_parent().unwrap();
}
