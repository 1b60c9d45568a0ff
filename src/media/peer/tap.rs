// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tap: the last point where a packet can be seen before the socket, the sink pad of nicesink.
//! Shut, it lets no RTP packet through, retransmissions of earlier ones included; DTLS, STUN and
//! RTCP pass always, for the connection must live without media.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;
use tokio::sync::watch;

/// The tap of one session.
#[derive(Debug, Default)]
pub(super) struct Tap {
    open: AtomicBool,
    packets: AtomicU64,
    bytes: AtomicU64,
    /// Whether a packet has left since the tap was opened.
    flows: watch::Sender<bool>,
    /// The pads it sits on: one, as everything is bundled.
    pads: Mutex<Vec<gst::glib::WeakRef<gst::Pad>>>,
}

impl Tap {
    /// Sits on `pad`.
    pub(super) fn sit_on(self: &Arc<Self>, pad: &gst::Pad) {
        self.pads.lock().unwrap_or_else(PoisonError::into_inner).push(pad.downgrade());
        let tap = Arc::clone(self);
        let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        pad.add_probe(mask, move |_, info| match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => tap.judge(packet(buffer).into_iter()),
            // Elements make lists of RTP packets only, all of one frame.
            Some(gst::PadProbeData::BufferList(list)) => {
                tap.judge(list.iter().filter_map(packet))
            }
            _ => gst::PadProbeReturn::Ok,
        });
    }

    fn judge(&self, packets: impl Iterator<Item = (bool, u64)>) -> gst::PadProbeReturn {
        let (mut count, mut bytes) = (0, 0);
        for (_, size) in packets.filter(|(is_rtp, _)| *is_rtp) {
            count += 1;
            bytes += size;
        }
        if count == 0 {
            return gst::PadProbeReturn::Ok;
        }
        if !self.open.load(Ordering::SeqCst) {
            // Not `Drop`: these bindings have let go of the packet then, and the core does again.
            return gst::PadProbeReturn::Handled;
        }
        self.packets.fetch_add(count, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.flows.send_if_modified(|flows| !std::mem::replace(flows, true));
        gst::PadProbeReturn::Ok
    }

    /// Lets RTP through from now on.
    pub(super) fn open(&self) {
        self.flows.send_replace(false);
        self.open.store(true, Ordering::SeqCst);
    }

    /// Lets no RTP through from now on. A packet that was let through just before may still be on
    /// its way to the socket; [`Tap::settle`] waits for it.
    pub(super) fn shut(&self) {
        self.open.store(false, Ordering::SeqCst);
    }

    /// Waits until what was let through has been given to the socket: the stream lock of a pad is
    /// held from the probe to the end of the write. Blocks, so it belongs on the stage.
    pub(super) fn settle(&self) {
        let pads: Vec<_> = {
            let pads = self.pads.lock().unwrap_or_else(PoisonError::into_inner);
            pads.iter().filter_map(gst::glib::WeakRef::upgrade).collect()
        };
        for pad in pads {
            drop(pad.stream_lock());
        }
    }

    /// Waits until a packet has left since [`Tap::open`].
    pub(super) async fn await_packet(&self) {
        let _ = self.flows.subscribe().wait_for(|flows| *flows).await;
    }

    /// Packets and bytes of RTP that have left.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.packets.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

/// Whether a packet is (S)RTP, and its size. RTP headers stay readable under SRTP.
fn packet(buffer: &gst::BufferRef) -> Option<(bool, u64)> {
    let mut head = [0; 2];
    buffer.copy_to_slice(0, &mut head).ok()?;
    Some((is_rtp(head), buffer.size() as u64))
}

/// RFC 5761 and RFC 7983: version 2, and no payload type that is one of RTCP.
pub(super) fn is_rtp([first, second]: [u8; 2]) -> bool {
    first >> 6 == 2 && !(192..=223).contains(&second)
}

#[cfg(test)]
mod tests {
    use super::is_rtp;

    #[test]
    fn rtp_is_told_from_what_else_is_on_the_socket() {
        assert!(is_rtp([0x80, 96]));
        assert!(is_rtp([0x90, 0x80 | 108]));
        assert!(!is_rtp([0x80, 200]), "sender report");
        assert!(!is_rtp([0x81, 206]), "payload-specific feedback");
        assert!(!is_rtp([22, 254]), "DTLS");
        assert!(!is_rtp([0, 1]), "STUN");
    }
}
