// SPDX-License-Identifier: MIT OR Apache-2.0
//! The handshake begins when both elements are there for it. Of webrtcbin's pair, dtlsenc begins the
//! connection and dtlsdec takes what comes, each on a thread of its own, when ICE is connected. A
//! viewer's first packet that is read before the beginning is a fatal error to OpenSSL, and the end
//! of the session. It is not let through: in DTLS who is not answered sends again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gst::glib::WeakRef;
use gst::prelude::*;

/// The handshake of one session: of one transport, as everything is bundled.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    begun: AtomicBool,
    encoder: Mutex<WeakRef<gst::Element>>,
}

impl Handshake {
    /// `dtlsenc` will begin it.
    pub(super) fn begins_with(&self, dtlsenc: &gst::Element) {
        self.encoder.lock().unwrap_or_else(PoisonError::into_inner).set(Some(dtlsenc));
    }

    /// Lets `dtlsdec` have nothing before that.
    pub(super) fn is_awaited_by(self: &Arc<Self>, dtlsdec: &gst::Element) {
        let Some(pad) = dtlsdec.static_pad("sink") else { return };
        let handshake = Arc::clone(self);
        let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        pad.add_probe(mask, move |_, _| {
            if handshake.has_begun() {
                return gst::PadProbeReturn::Ok;
            }
            tracing::debug!("a packet of the viewer came before the handshake had begun");
            // Not `Drop`, as in the tap.
            gst::PadProbeReturn::Handled
        });
    }

    /// dtlsenc is in a state only when what it does on the way there is done.
    fn has_begun(&self) -> bool {
        if self.begun.load(Ordering::Acquire) {
            return true;
        }
        let encoder = self.encoder.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let begun = encoder.is_some_and(|encoder| encoder.current_state() >= gst::State::Paused);
        self.begun.store(begun, Ordering::Release);
        begun
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::media::state::Stage;

    async fn bring(stage: &Stage<()>, element: &impl IsA<gst::Element>, state: gst::State) {
        let element = element.clone().upcast();
        stage.run(move |(), here| here.bring(&element, state)).await.unwrap().unwrap();
    }

    /// dtlsdec and dtlsenc of one end, what dtlsenc sends, and a pad that leads to dtlsdec.
    struct End {
        pipeline: gst::Pipeline,
        decoder: gst::Element,
        encoder: gst::Element,
        sent: mpsc::Receiver<gst::Buffer>,
        way_in: gst::Pad,
        _way_out: gst::Pad,
    }

    impl End {
        async fn new(stage: &Stage<()>, name: &str, is_client: bool) -> Self {
            let make = |element| {
                gst::ElementFactory::make(element).property("connection-id", name).build().unwrap()
            };
            let (decoder, encoder) = (make("dtlsdec"), make("dtlsenc"));
            encoder.set_property("is-client", is_client);
            let pipeline = gst::Pipeline::new();
            pipeline.add_many([&decoder, &encoder]).unwrap();
            let (to, sent) = mpsc::channel();
            let way_out = gst::Pad::builder(gst::PadDirection::Sink)
                .chain_function(move |_, _, packet| {
                    let _ = to.send(packet);
                    Ok(gst::FlowSuccess::Ok)
                })
                .build();
            way_out.set_active(true).unwrap();
            encoder.static_pad("src").unwrap().link(&way_out).unwrap();
            let way_in = gst::Pad::builder(gst::PadDirection::Src).build();
            way_in.link(&decoder.static_pad("sink").unwrap()).unwrap();
            way_in.set_active(true).unwrap();
            encoder.set_locked_state(true);
            bring(stage, &pipeline, gst::State::Playing).await;
            let segment = gst::FormattedSegment::<gst::format::Bytes>::new();
            assert!(way_in.push_event(gst::event::StreamStart::new(name)));
            assert!(way_in.push_event(gst::event::Segment::new(&segment)));
            Self { pipeline, decoder, encoder, sent, way_in, _way_out: way_out }
        }

        async fn begin(&self, stage: &Stage<()>) {
            bring(stage, &self.encoder, gst::State::Playing).await;
        }

        async fn end(self, stage: &Stage<()>) {
            bring(stage, &self.encoder, gst::State::Null).await;
            bring(stage, &self.pipeline, gst::State::Null).await;
        }

        fn push(&self, packet: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
            self.way_in.push(packet)
        }

        fn sends(&self) -> gst::Buffer {
            self.sent.recv_timeout(Duration::from_secs(10)).unwrap()
        }
    }

    #[tokio::test]
    async fn a_viewer_that_is_early_is_answered_when_it_asks_again() {
        gst::init().unwrap();
        let stage = Stage::<()>::new("test").unwrap();
        let viewer = End::new(&stage, "viewer", true).await;
        let device = End::new(&stage, "device", false).await;
        let handshake = Arc::new(Handshake::default());
        handshake.begins_with(&device.encoder);
        handshake.is_awaited_by(&device.decoder);
        viewer.begin(&stage).await;
        let early = viewer.sends();
        assert_eq!(device.push(early.copy_deep().unwrap()), Ok(gst::FlowSuccess::Ok));
        let errors = device.pipeline.bus().unwrap().pop_filtered(&[gst::MessageType::Error]);
        assert!(errors.is_none(), "{errors:?}");
        device.begin(&stage).await;
        assert_eq!(device.push(early), Ok(gst::FlowSuccess::Ok));
        // What it says first may be more than one packet.
        while device.sent.try_recv().is_err() {
            assert_eq!(device.push(viewer.sends()), Ok(gst::FlowSuccess::Ok));
        }
        viewer.end(&stage).await;
        device.end(&stage).await;
    }
}
