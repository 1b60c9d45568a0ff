// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tap: the last point where a packet can be seen before the socket, the sink pad of nicesink.
//! Shut, it lets no RTP packet through, retransmissions of earlier ones included; DTLS, STUN and
//! RTCP pass always, for the connection must live without media.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;
use tokio::sync::watch;
use tokio::time::Instant;

use super::flow::{Flow, Run};

/// The tap of one session.
#[derive(Debug)]
pub(super) struct Tap {
    open: AtomicBool,
    packets: AtomicU64,
    bytes: AtomicU64,
    flow: Flow,
    /// Whether a packet has left since the tap was opened.
    flows: watch::Sender<bool>,
    /// Whether a DTLS alert has left: the goodbye.
    alert: watch::Sender<bool>,
    /// The pads it sits on: one, as everything is bundled.
    pads: Mutex<Vec<gst::glib::WeakRef<gst::Pad>>>,
}

impl Tap {
    /// Shut, and on no pad.
    pub(super) fn new() -> Self {
        Self {
            open: AtomicBool::new(false),
            packets: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            flow: Flow::new(Instant::now()),
            flows: watch::Sender::default(),
            alert: watch::Sender::default(),
            pads: Mutex::default(),
        }
    }

    /// The packets that left last; the tap's making, if none did.
    pub(super) fn sent(&self) -> Run {
        self.flow.run()
    }

    /// Sits on `pad`.
    pub(super) fn sit_on(self: &Arc<Self>, pad: &gst::Pad) {
        self.pads.lock().unwrap_or_else(PoisonError::into_inner).push(pad.downgrade());
        let tap = Arc::clone(self);
        let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        pad.add_probe(mask, move |_, info| match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => tap.judge(packet(buffer).into_iter()),
            // Elements make lists of RTP packets only, all of one frame.
            Some(gst::PadProbeData::BufferList(list)) => tap.judge(list.iter().filter_map(packet)),
            _ => gst::PadProbeReturn::Ok,
        });
    }

    fn judge(&self, packets: impl Iterator<Item = (Kind, u64)>) -> gst::PadProbeReturn {
        let (mut count, mut bytes) = (0, 0);
        for (kind, size) in packets {
            match kind {
                Kind::Rtp => {
                    count += 1;
                    bytes += size;
                }
                Kind::DtlsAlert => drop(self.alert.send_replace(true)),
                Kind::Other => {}
            }
        }
        if count == 0 {
            return gst::PadProbeReturn::Ok;
        }
        if !self.open.load(Ordering::SeqCst) {
            // Not `Drop`: these bindings have let go of the packet then, and the core does again.
            return gst::PadProbeReturn::Handled;
        }
        self.flow.mark(Instant::now());
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

    /// Waits until a DTLS alert has left.
    pub(super) async fn await_alert(&self) {
        let _ = self.alert.subscribe().wait_for(|sent| *sent).await;
    }

    /// Packets and bytes of RTP that have left.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.packets.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

/// What a packet is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Rtp,
    DtlsAlert,
    Other,
}

fn packet(buffer: &gst::BufferRef) -> Option<(Kind, u64)> {
    let mut head = [0; 2];
    buffer.copy_to_slice(0, &mut head).ok()?;
    Some((kind(head), buffer.size() as u64))
}

/// RFC 5761 and RFC 7983. Headers of RTP and of DTLS records stay readable when encrypted.
fn kind([first, second]: [u8; 2]) -> Kind {
    match first {
        128..=191 if !(192..=223).contains(&second) => Kind::Rtp,
        21 => Kind::DtlsAlert,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, kind};

    #[test]
    fn rtp_is_told_from_what_else_is_on_the_socket() {
        assert_eq!(kind([0x80, 96]), Kind::Rtp);
        assert_eq!(kind([0x90, 0x80 | 108]), Kind::Rtp);
        assert_eq!(kind([0x80, 200]), Kind::Other, "sender report");
        assert_eq!(kind([0x81, 206]), Kind::Other, "payload-specific feedback");
        assert_eq!(kind([21, 254]), Kind::DtlsAlert);
        assert_eq!(kind([22, 254]), Kind::Other, "DTLS handshake");
        assert_eq!(kind([0, 1]), Kind::Other, "STUN");
    }
}
