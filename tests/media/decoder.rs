// SPDX-License-Identifier: MIT OR Apache-2.0
//! The viewer's end of a track.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::prelude::*;
use tokio::sync::{mpsc, watch};

use crate::viewer::Sight;

/// Takes RTP apart, tells of the first unit, and counts the pictures that it decodes.
pub(crate) fn receive(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    to: &mpsc::UnboundedSender<Sight>,
    frames: &Arc<watch::Sender<u64>>,
) {
    if pad.direction() != gst::PadDirection::Src {
        return;
    }
    let caps = pad.current_caps().unwrap();
    let name = caps.structure(0).unwrap().get::<String>("encoding-name").unwrap();
    let chain = match name.as_str() {
        // With codec data, so that the parser knows the profile, which the decoder asks for, at once.
        "H264" => "rtph264depay ! video/x-h264,stream-format=avc ! h264parse ! openh264dec",
        "H265" => "rtph265depay ! h265parse ! libde265dec",
        "VP8" => "rtpvp8depay ! vp8dec",
        _ => return,
    };
    let text = format!("{chain} ! fakesink name=shown sync=false");
    let chain = gst::parse::bin_from_description(&text, true).unwrap();
    let depay =
        chain.iterate_elements().into_iter().flatten().find(|element| {
            element.factory().is_some_and(|factory| factory.name().ends_with("depay"))
        });
    let (depay, sink) = (depay.unwrap(), chain.by_name("shown").unwrap());
    pipeline.add(&chain).unwrap();
    let to = to.clone();
    let frames = Arc::clone(frames);
    sink.static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        frames.send_modify(|n| *n += 1);
        gst::PadProbeReturn::Ok
    });
    let seen = AtomicU64::new(0);
    depay.static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let flags = info.buffer().unwrap().flags();
        let keyframe = !flags.contains(gst::BufferFlags::DELTA_UNIT);
        match seen.fetch_add(1, Ordering::Relaxed) {
            0 => drop(to.send(Sight::FirstUnit { keyframe })),
            unit if keyframe => drop(to.send(Sight::Keyframe { unit })),
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
    chain.sync_state_with_parent().unwrap();
    pad.link(&chain.static_pad("sink").unwrap()).unwrap();
}
