// SPDX-License-Identifier: MIT OR Apache-2.0
//! The header extensions of the stream's packets (RFC 8285), each under the number that the offer
//! gives it: written by the payloader, and said in its caps, from which webrtcbin describes them.

use gst::prelude::*;
use gst_rtp::RTPHeaderExtension;
use gst_rtp::prelude::*;
use shutterd::wire::{Extensions, PLAYOUT_DELAY, TRANSPORT_CC};

use super::playout_delay::PlayoutDelay;

/// From now on the payloader writes them.
pub(super) fn add(payloader: &gst::Element, extensions: Extensions) {
    let add = |number: u8, extension: &RTPHeaderExtension| {
        extension.set_id(u32::from(number));
        payloader.emit_by_name::<()>("add-extension", &[extension]);
    };
    if let Some(number) = extensions.transport_cc {
        match RTPHeaderExtension::create_from_uri(TRANSPORT_CC) {
            Some(extension) => add(number, &extension),
            None => tracing::warn!("this GStreamer does not number packets for congestion control"),
        }
    }
    if let Some(number) = extensions.playout_delay {
        add(number, PlayoutDelay::new().upcast_ref());
    }
}

/// Caps of a stream that has them.
pub(super) fn describe(caps: &mut gst::CapsRef, extensions: Extensions) {
    let named =
        [(extensions.transport_cc, TRANSPORT_CC), (extensions.playout_delay, PLAYOUT_DELAY)];
    for (number, uri) in named {
        if let Some(number) = number {
            caps.set(format!("extmap-{number}"), uri);
        }
    }
    if extensions.transport_cc.is_some() {
        // That reports are wanted.
        caps.set("rtcp-fb-transport-cc", true);
    }
}
