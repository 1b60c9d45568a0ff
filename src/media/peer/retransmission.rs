// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is sent again on the viewer's demand (NACK), within a bound. A path that is too narrow loses
//! packets, the viewer asks for each of them, and again for what was lost of those: without a bound
//! ten times the stream was sent again into a path that was full (seen with Chromium).

use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;

/// The event in which GStreamer's RTP session passes a demand upstream: one packet each.
const DEMAND: &str = "GstRTPRetransmissionRequest";

/// Of so many packets that are sent for the first time, one may be sent again: twice what the most
/// lossy path needs that is still worth watching.
const ONE_IN: u32 = 4;

/// Packets that may be sent again at once: those of a large keyframe.
const AT_ONCE: u32 = 64;

/// What may be sent again, in parts of a packet: [`ONE_IN`] are one.
#[derive(Debug)]
struct Allowance(u32);

impl Default for Allowance {
    fn default() -> Self {
        Self(AT_ONCE * ONE_IN)
    }
}

impl Allowance {
    fn earn(&mut self, packets: u32) {
        self.0 = self.0.saturating_add(packets).min(AT_ONCE * ONE_IN);
    }

    fn spend(&mut self) -> bool {
        let rest = self.0.checked_sub(ONE_IN);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
}

/// Bounds what `sender`, an `rtprtxsend`, sends again.
pub(super) fn bound(sender: &gst::Element) {
    let (Some(sink), Some(source)) = (sender.static_pad("sink"), sender.static_pad("src")) else {
        return;
    };
    let allowance = Arc::<Mutex<Allowance>>::default();
    let earned = Arc::clone(&allowance);
    let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    sink.add_probe(mask, move |_, info| {
        let packets = match &info.data {
            Some(gst::PadProbeData::BufferList(list)) => u32::try_from(list.len()).unwrap_or(1),
            _ => 1,
        };
        earned.lock().unwrap_or_else(PoisonError::into_inner).earn(packets);
        gst::PadProbeReturn::Ok
    });
    source.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        let demand = info.event().and_then(|event| event.structure());
        if demand.is_none_or(|demand| demand.name() != DEMAND) {
            return gst::PadProbeReturn::Ok;
        }
        match allowance.lock().unwrap_or_else(PoisonError::into_inner).spend() {
            true => gst::PadProbeReturn::Ok,
            // Not `Drop`: these bindings have let go of the event then, and the core does again.
            false => gst::PadProbeReturn::Handled,
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(allowance: &mut Allowance, demands: u32) -> usize {
        (0..demands).filter(|_| allowance.spend()).count()
    }

    #[test]
    fn a_burst_at_once_and_then_a_share_of_what_is_sent() {
        let mut allowance = Allowance::default();
        assert_eq!(spent(&mut allowance, 1000), 64);
        allowance.earn(3);
        assert_eq!(spent(&mut allowance, 10), 0);
        allowance.earn(1);
        assert_eq!(spent(&mut allowance, 10), 1);
        allowance.earn(u32::MAX);
        assert_eq!(spent(&mut allowance, 1000), 64);
    }

    /// The bound on GStreamer's own element: what is demanded beyond it does not come out.
    #[test]
    fn demands_beyond_it_are_not_met() {
        gst::init().unwrap();
        let sender = gst::ElementFactory::make("rtprtxsend").build().unwrap();
        bound(&sender);
        let source = sender.static_pad("src").unwrap();
        let met = Arc::new(Mutex::new(0));
        let count = Arc::clone(&met);
        // Behind the bound, as probes of a pad are called in their order.
        source.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, _| {
            *count.lock().unwrap() += 1;
            gst::PadProbeReturn::Handled
        });
        let send = |name: &str| {
            let event = gst::event::CustomUpstream::new(gst::Structure::new_empty(name));
            source.send_event(event);
        };
        // A pad that was never active takes no events.
        source.set_active(true).unwrap();
        for _ in 0..100 {
            send(DEMAND);
        }
        assert_eq!(*met.lock().unwrap(), 64);
        send("something-else");
        assert_eq!(*met.lock().unwrap(), 65);
        source.set_active(false).unwrap();
    }
}
