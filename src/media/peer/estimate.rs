// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the viewer's path takes: transport-wide congestion control. Every packet is numbered; the
//! viewer reports when each came (draft-holmer-rmcat-transport-wide-cc-extensions-01), and
//! `rtpgccbwe` makes a rate of that (draft-ietf-rmcat-gcc-02). It stands beside the pipeline and is
//! given the reports alone: inside it would pace the packets from a thread that wakes 200 times a
//! second, and add to their age. A lower estimate counts only while the path shows that it is too
//! narrow ([`Queue`]).

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::link::LEAST_BITRATE;
use tokio_util::task::TaskTracker;

use super::connection::{Peer, Scene};
use super::queue::Queue;
use super::tracks::Feed;
use crate::media::elements;
use crate::media::state::Stage;

/// The event in which GStreamer's RTP session passes the viewer's reports upstream.
const REPORTS: &str = "RTPTWCCPackets";

/// The estimate may be this many times the stream's own rate: room in which it can fall before the
/// picture suffers, and no more, for what was never sent was never tried.
const ROOM: u32 = 2;

/// From now on, what the viewer's path takes is estimated, and told to `feed`. For a viewer that watches
/// already: nothing of this is in the way of its first picture, nor of its end.
pub(super) fn begin(feed: &Arc<Feed>, stage: &Stage<Scene>, tasks: &TaskTracker) {
    let (feed, stage) = (Arc::clone(feed), stage.clone());
    tasks.spawn_blocking(move || {
        let registered = register();
        stage.post(move |scene, _| {
            let Some(peer) = scene else { return };
            if let Err(fault) = registered.and_then(|()| peer.estimate_path(&feed)) {
                tracing::warn!(%fault, "the viewer's path is not estimated");
            }
        });
    });
}

/// Makes the estimator known, when it is needed first. Its plugin has sixty other elements, which a
/// spare worker would keep in its memory; and a slow device takes its time for them.
fn register() -> Result<(), Fault> {
    static REGISTERED: LazyLock<bool> =
        LazyLock::new(|| gstrsrtp::plugin_register_static().is_ok());
    if *REGISTERED { Ok(()) } else { Err(elements::missing("rtpgccbwe")) }
}

/// The estimator of one session.
#[derive(Debug)]
pub(super) struct Estimator {
    element: gst::Element,
    reports: gst::Pad,
    handler: Option<glib::SignalHandlerId>,
}

impl Peer {
    fn estimate_path(&mut self, feed: &Arc<Feed>) -> Result<(), Fault> {
        let bitrate = self.tracks.as_ref().and_then(|tracks| tracks.numbered_bitrate);
        let (Some(bitrate), None) = (bitrate, &self.estimator) else { return Ok(()) };
        let (estimator, ear) = Estimator::new(bitrate, feed)?;
        // Between the tracks and the RTP session.
        let inside = self.webrtc.downcast_ref::<gst::Bin>();
        let funnels = inside.map(|bin| bin.iterate_all_by_element_factory_name("rtpfunnel"));
        for funnel in funnels.into_iter().flatten().flatten() {
            if let Some(pad) = funnel.static_pad("src") {
                ear.listen_at(&pad);
            }
        }
        self.estimator = Some(estimator);
        Ok(())
    }
}

impl Estimator {
    /// Begins with the rate that is sent, and tells `feed` of each estimate.
    fn new(bitrate: u32, feed: &Arc<Feed>) -> Result<(Self, Ear), Fault> {
        let element = elements::make("rtpgccbwe")?;
        element.set_property("min-bitrate", LEAST_BITRATE);
        element.set_property("max-bitrate", bitrate.saturating_mul(ROOM).max(LEAST_BITRATE));
        element.set_property("estimated-bitrate", bitrate.max(LEAST_BITRATE));
        // Of the two the one that asks for a trend, as browsers do: a single late packet is none.
        element.set_property_from_str("estimator", "linear-regression");
        let reports = element.static_pad("src").ok_or_else(|| elements::missing("rtpgccbwe"))?;
        // A pad takes events only when it is active, and then paces: that is not wanted.
        let active = reports.set_active(true).and_then(|()| reports.stop_task());
        active.map_err(|error| Fault::new(FaultCode::NegotiationFailed, error.to_string()))?;
        let ear = Ear { to: reports.downgrade(), queue: Arc::default() };
        let (feed, queue) = (Arc::downgrade(feed), Arc::clone(&ear.queue));
        let handler = element.connect_notify(Some("estimated-bitrate"), move |element, _| {
            let Some(feed) = feed.upgrade() else { return };
            let estimate: u32 = element.property("estimated-bitrate");
            let congested = lock(&queue).is_congested();
            feed.path_bitrate.send_if_modified(|known| {
                let news = known.is_none_or(|known| (estimate < known) == congested);
                let changed = news && *known != Some(estimate);
                if changed {
                    *known = Some(estimate);
                }
                changed
            });
        });
        Ok((Self { element, reports, handler: Some(handler) }, ear))
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the reports are heard. It does not keep the estimator.
#[derive(Clone, Debug)]
struct Ear {
    to: glib::WeakRef<gst::Pad>,
    queue: Arc<Mutex<Queue>>,
}

impl Ear {
    /// Hears those that pass `pad`, upstream.
    fn listen_at(&self, pad: &gst::Pad) {
        let ear = self.clone();
        pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
            if let Some(event) = info.event()
                && let Some(report) = event.structure().filter(|report| report.name() == REPORTS)
                && let Some(reports) = ear.to.upgrade()
            {
                ear.read(report);
                reports.send_event(event.to_owned());
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn read(&self, report: &gst::StructureRef) {
        let Ok(packets) = report.get::<glib::ValueArray>("packets") else { return };
        let mut queue = lock(&self.queue);
        for packet in packets.iter().filter_map(|packet| packet.get::<gst::Structure>().ok()) {
            let time = |field: &str| packet.get::<gst::ClockTime>(field).ok().map(Duration::from);
            let lost = packet.get("lost").unwrap_or(false);
            if let Some(departure) = time("local-ts") {
                queue.hear(departure, time("remote-ts").filter(|_| !lost));
            }
        }
    }
}

impl Drop for Estimator {
    fn drop(&mut self) {
        if let Some(handler) = self.handler.take() {
            self.element.disconnect(handler);
        }
        // It cannot fail: there is no task to stop.
        let _ = self.reports.set_active(false);
    }
}
