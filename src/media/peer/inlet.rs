// SPDX-License-Identifier: MIT OR Apache-2.0
//! The inlet: the first point where a packet of the viewer can be seen, the source pad of nicesrc.
//! Whatever comes out there is from the viewer: libnice keeps STUN for itself.
//!
//! It is shut before the pipeline goes to NULL. A state change goes from the sinks to the sources, so
//! nicesrc stops last, and an element behind it may meet a packet between the shutting of its source
//! pads and of its sink pads: srtpdec does then, at the viewer's first report, with a failed
//! assertion, as the events of its source pad are gone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use gst::prelude::*;
use tokio::time::Instant;

use super::flow::{Flow, Run};

/// How long a packet that is on its way through is waited for. Until DTLS is up webrtcbin holds
/// back what comes in; only NULL frees that, and there is nothing of the viewer behind it then.
const BOUND: Duration = Duration::from_millis(100);

/// The inlet of one session.
#[derive(Debug)]
pub(super) struct Inlet {
    shut: AtomicBool,
    heard: Flow,
    /// The pads it sits on: one, as everything is bundled.
    pads: Mutex<Vec<gst::glib::WeakRef<gst::Pad>>>,
}

impl Inlet {
    /// Open, and on no pad.
    pub(super) fn new() -> Self {
        Self {
            shut: AtomicBool::new(false),
            heard: Flow::new(Instant::now()),
            pads: Mutex::default(),
        }
    }

    /// What was heard of the viewer last; the beginning of the session, if nothing was.
    pub(super) fn heard(&self) -> Run {
        self.heard.run()
    }

    /// Sits on `pad`.
    pub(super) fn sit_on(self: &Arc<Self>, pad: &gst::Pad) {
        self.pads.lock().unwrap_or_else(PoisonError::into_inner).push(pad.downgrade());
        let inlet = Arc::clone(self);
        // By the packet, or by the list, as newer elements have it.
        let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        pad.add_probe(mask, move |_, _| {
            if inlet.shut.load(Ordering::SeqCst) {
                // Not `Drop`, as in the tap.
                return gst::PadProbeReturn::Handled;
            }
            inlet.heard.mark(Instant::now());
            gst::PadProbeReturn::Ok
        });
    }

    /// Lets nothing in any more, and waits until what was let in before is through. Whether it is:
    /// a packet may be held back behind the pad. Blocks, so it belongs on the stage.
    pub(super) fn shut(&self) -> bool {
        self.shut.store(true, Ordering::SeqCst);
        let pads: Vec<_> = {
            let pads = self.pads.lock().unwrap_or_else(PoisonError::into_inner);
            pads.iter().filter_map(gst::glib::WeakRef::upgrade).collect()
        };
        let deadline = std::time::Instant::now() + BOUND;
        pads.iter().all(|pad| is_idle_by(pad, deadline))
    }
}

/// Not by the stream lock, as the tap does: it would be waited for without end.
fn is_idle_by(pad: &gst::Pad, deadline: std::time::Instant) -> bool {
    let (idle, told) = mpsc::channel();
    let probe = pad.add_probe(gst::PadProbeType::IDLE, move |_, _| {
        // Whoever waited may have gone.
        let _ = idle.send(());
        gst::PadProbeReturn::Remove
    });
    let left = deadline.saturating_duration_since(std::time::Instant::now());
    let is_idle = told.recv_timeout(left).is_ok();
    if let (false, Some(probe)) = (is_idle, probe) {
        pad.remove_probe(probe);
    }
    is_idle
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use super::*;

    /// A pad with the inlet on it, the pad behind it, and how many packets got there.
    struct Pads {
        inlet: Arc<Inlet>,
        source: gst::Pad,
        _sink: gst::Pad,
        arrived: Arc<AtomicUsize>,
    }

    /// What comes in is `held` behind the pad before it is through.
    fn pads(held: impl Fn() + Send + Sync + 'static) -> Pads {
        gst::init().unwrap();
        let arrived = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&arrived);
        let sink = gst::Pad::builder(gst::PadDirection::Sink)
            .chain_function(move |_, _, _| {
                held();
                count.fetch_add(1, Ordering::SeqCst);
                Ok(gst::FlowSuccess::Ok)
            })
            .build();
        let source = gst::Pad::builder(gst::PadDirection::Src).build();
        source.link(&sink).unwrap();
        sink.set_active(true).unwrap();
        source.set_active(true).unwrap();
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        assert!(source.push_event(gst::event::StreamStart::new("viewer")));
        assert!(source.push_event(gst::event::Segment::new(&segment)));
        let inlet = Arc::new(Inlet::new());
        inlet.sit_on(&source);
        Pads { inlet, source, _sink: sink, arrived }
    }

    /// Pads behind which a packet stays until it is released; and when one is there.
    fn holding() -> (Pads, mpsc::Receiver<()>, mpsc::SyncSender<()>) {
        let (within, is_within) = mpsc::sync_channel(0);
        let (release, released) = mpsc::sync_channel(0);
        let released = Mutex::new(released);
        let pads = pads(move || {
            within.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
        });
        (pads, is_within, release)
    }

    impl Pads {
        fn push(&self) {
            self.source.push(gst::Buffer::from_slice([0x80, 201])).unwrap();
        }

        fn arrived(&self) -> usize {
            self.arrived.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn shut_it_lets_nothing_in() {
        let pads = pads(|| {});
        pads.push();
        let heard = pads.inlet.heard().last;
        assert!(pads.inlet.shut());
        pads.push();
        assert_eq!(pads.arrived(), 1);
        assert_eq!(pads.inlet.heard().last, heard);
    }

    #[test]
    fn what_was_let_in_is_waited_for() {
        let (pads, is_within, release) = holding();
        thread::scope(|threads| {
            threads.spawn(|| pads.push());
            is_within.recv().unwrap();
            let shut = threads.spawn(|| (pads.inlet.shut(), pads.arrived()));
            // The probe of the pad that is in use is there: the packet is waited for.
            while !pads.inlet.shut.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            release.send(()).unwrap();
            assert_eq!(shut.join().unwrap(), (true, 1));
        });
    }

    #[test]
    fn what_is_held_back_is_not_waited_for_without_end() {
        let (pads, is_within, release) = holding();
        thread::scope(|threads| {
            threads.spawn(|| pads.push());
            is_within.recv().unwrap();
            assert!(!pads.inlet.shut());
            assert_eq!(pads.arrived(), 0);
            release.send(()).unwrap();
        });
        // Shut it stays.
        pads.push();
        assert_eq!(pads.arrived(), 1);
    }
}
