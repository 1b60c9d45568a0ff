// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payload types that a payloader cannot have. Those of H.264 and H.265 take 96 to 127 and no other;
//! Chromium, which has more formats than that, offers H.265 under lower numbers (35 to 63). There the
//! payloader has a number of its own, and what it sends gets the viewer's on its way to webrtcbin.

use gst::prelude::*;

/// The lowest that every payloader takes: the first of the dynamic ones (RFC 3551).
const LOWEST: u8 = 96;

/// What the payloader is told.
pub(super) fn of_payloader(payload: u8) -> u32 {
    u32::from(payload.max(LOWEST))
}

/// Links a payloader's output to webrtcbin's input, between which packets have `payload`.
pub(super) fn link(
    from: &gst::Pad,
    to: &gst::Pad,
    payload: u8,
) -> Result<gst::PadLinkSuccess, gst::PadLinkError> {
    if payload >= LOWEST {
        return from.link(to);
    }
    renumber(from, payload);
    // What both sides say of the payload type beforehand does not fit.
    from.link_full(to, gst::PadLinkCheck::HIERARCHY)
}

fn renumber(from: &gst::Pad, payload: u8) {
    let mask = gst::PadProbeType::EVENT_DOWNSTREAM
        | gst::PadProbeType::QUERY_DOWNSTREAM
        | gst::PadProbeType::BUFFER
        | gst::PadProbeType::BUFFER_LIST;
    from.add_probe(mask, move |_, info| {
        match &mut info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => mark(buffer.make_mut(), payload),
            Some(gst::PadProbeData::BufferList(list)) => {
                let list = list.make_mut();
                for at in 0..list.len() {
                    if let Some(buffer) = list.get_mut(at) {
                        mark(buffer, payload);
                    }
                }
            }
            Some(gst::PadProbeData::Event(event)) => {
                if let gst::EventView::Caps(caps) = event.view() {
                    let mut caps = caps.caps_owned();
                    for format in caps.make_mut().iter_mut() {
                        format.set("payload", i32::from(payload));
                    }
                    *event = gst::event::Caps::new(&caps);
                }
            }
            Some(gst::PadProbeData::Query(query)) => return answer(query),
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

/// The second byte of a packet: the marker, and the payload type.
fn mark(packet: &mut gst::BufferRef, payload: u8) {
    if packet.n_memory() == 0 {
        return;
    }
    let Ok(header) = packet.peek_memory_mut(0) else { return };
    if let Ok(mut header) = header.map_writable()
        && let Some(second) = header.get_mut(1)
    {
        *second = (*second & 0x80) | payload;
    }
}

/// A payloader asks what is taken, and would find that nothing is. All it has to know was told.
fn answer(query: &mut gst::QueryRef) -> gst::PadProbeReturn {
    let gst::QueryViewMut::Caps(asked) = query.view_mut() else {
        return gst::PadProbeReturn::Ok;
    };
    let any = gst::Caps::new_empty_simple("application/x-rtp");
    let within = asked.filter().map_or(any, ToOwned::to_owned);
    asked.set_result(&within);
    gst::PadProbeReturn::Handled
}
