// SPDX-License-Identifier: MIT OR Apache-2.0
//! The capture pipeline: opened, started, stopped and closed here, each on its stage.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use gst::prelude::*;
use gst_base::prelude::BaseSrcExt;
use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::{CameraFact, Codec, Whole};
use tokio::sync::{oneshot, watch};

use super::capture::{self, Progress};
use super::encoder;
use super::fanout::Fanout;
use super::formats;
use super::launch::{self, invalid};
use super::picture::Picture;
use super::stall::LastFrame;
use super::steps::Step;
use crate::media::control::Reporter;
use crate::media::failure;
use crate::media::farewell::{Farewell, MOMENT};
use crate::media::state::OnStage;

/// Where the pipeline's callbacks send to.
#[derive(Debug)]
pub(super) struct Wiring {
    pub(super) progress: watch::Sender<Progress>,
    pub(super) fanout: Arc<Fanout>,
    pub(super) reporter: Reporter<CameraFact>,
    pub(super) last_frame: Arc<LastFrame>,
}

/// An open camera.
#[derive(Debug)]
pub(super) struct Pipeline {
    pipeline: gst::Pipeline,
    camera: gst::Element,
    encoder: gst::Element,
    picture: Picture,
    sink: gst_app::AppSink,
    progress: watch::Sender<Progress>,
    /// The pool of the source's buffers, once it runs. Weak: it must be able to end.
    pool: gst::glib::WeakRef<gst::BufferPool>,
}

/// Opens the camera into `scene`. What was made is there even when opening fails half-way, so
/// that closing finds it.
pub(super) fn open(
    scene: &mut Option<Pipeline>,
    text: &str,
    device: Option<&Path>,
    codec: Codec,
    whole: Whole,
    wiring: Wiring,
    here: &OnStage,
) -> Result<(), Fault> {
    let pipeline = launch::parse(text)?;
    let camera = launch::named(&pipeline, "camera")?;
    let encoder = launch::named(&pipeline, "encoder")?;
    if let Some(sink) = pipeline.iterate_sinks().into_iter().flatten().next() {
        return Err(invalid(format!("it has a sink of its own, `{}`", sink.name())));
    }
    let picture = Picture::of(&pipeline, &encoder, whole);
    let sink = launch::add_tail(&pipeline, codec)?;
    // Every pipeline of every worker runs on the monotonic clock, so that times need no
    // translation on their way between processes.
    pipeline.use_clock(Some(&gst::SystemClock::obtain()));
    wiring.progress.send_replace(Progress::Waiting);
    watch_bus(&pipeline, &wiring)?;
    let progress = wiring.progress.clone();
    capture::connect(&sink, wiring.progress, wiring.fanout, wiring.last_frame);
    let open = scene.insert(Pipeline {
        pipeline,
        camera,
        encoder,
        picture,
        sink,
        progress,
        pool: Default::default(),
    });
    let at = device.map(|d| format!(" ({})", d.display())).unwrap_or_default();
    open.ready(here).map_err(|fault| Fault { detail: fault.detail + &at, ..fault })?;
    formats::check(&open.camera)
}

/// Messages are read where they are posted and none is kept: a message holds its element.
fn watch_bus(pipeline: &gst::Pipeline, wiring: &Wiring) -> Result<(), Fault> {
    let bus = pipeline.bus().ok_or_else(|| invalid("the pipeline has no bus".into()))?;
    let (progress, reporter) = (wiring.progress.clone(), wiring.reporter.clone());
    bus.set_sync_handler(move |_, message| {
        let fault = match message.view() {
            gst::MessageView::Error(error) => failure::of_camera(error),
            gst::MessageView::Eos(_) => {
                Fault::new(FaultCode::CameraError, "the source ended its stream")
            }
            _ => return gst::BusSyncReply::Drop,
        };
        tracing::warn!(%fault, "pipeline");
        let mut unasked = false;
        progress.send_if_modified(|now| match now {
            Progress::Waiting => {
                *now = Progress::Failed(fault.clone());
                true
            }
            Progress::Flowing => {
                unasked = true;
                *now = Progress::Failed(fault.clone());
                true
            }
            // The first error is the cause; errors of a teardown are of no interest.
            Progress::Failed(_) | Progress::Stopped => false,
        });
        if unasked {
            reporter.fact(CameraFact::Failed(fault));
        }
        gst::BusSyncReply::Drop
    });
    Ok(())
}

impl Pipeline {
    /// The device is opened by its element alone first, so that what fails is known to be it.
    fn ready(&self, here: &OnStage) -> Result<(), Fault> {
        self.change(&self.camera, gst::State::Ready, here)?;
        self.change(self.pipeline.upcast_ref(), gst::State::Ready, here)
    }

    /// READY to PLAYING. That frames flow is for the caller to wait for.
    pub(super) fn start(&self, here: &OnStage) -> Result<(), Fault> {
        self.progress.send_replace(Progress::Waiting);
        self.change(self.pipeline.upcast_ref(), gst::State::Paused, here)?;
        self.change(self.pipeline.upcast_ref(), gst::State::Playing, here)
    }

    /// PLAYING, PAUSED, READY, each observed; from any earlier state. No EOS and no drain: a live
    /// camera has nothing to save, and an encoder may never finish draining.
    pub(super) fn stop(&mut self, here: &OnStage) -> Result<(), Fault> {
        // Where starting was overtaken, nobody has looked at the pool yet.
        self.note_pool();
        if self.pipeline.current_state() >= gst::State::Playing {
            self.change(self.pipeline.upcast_ref(), gst::State::Paused, here)?;
        }
        self.change(self.pipeline.upcast_ref(), gst::State::Ready, here)?;
        match self.pipeline.current_state() {
            gst::State::Ready | gst::State::Null => Ok(()),
            state => Err(Fault::new(FaultCode::CameraError, format!("it stays in {state:?}"))),
        }
    }

    fn change(
        &self,
        element: &gst::Element,
        state: gst::State,
        here: &OnStage,
    ) -> Result<(), Fault> {
        match here.bring(element, state) {
            Ok(_) => Ok(()),
            Err(_) => Err(match &*self.progress.borrow() {
                Progress::Failed(fault) => fault.clone(),
                _ => Fault::new(FaultCode::CameraError, format!("it refuses {state:?}")),
            }),
        }
    }

    /// Remembers the pool of the source's buffers, where it has one that can be known.
    pub(super) fn note_pool(&mut self) {
        if self.pool.upgrade().is_some() {
            return;
        }
        let source = self.camera.downcast_ref::<gst_base::BaseSrc>();
        if let Some(pool) = source.and_then(|s| s.buffer_pool()) {
            self.pool.set(Some(&pool));
        }
    }

    /// `None` when the source's pool is gone; else the event of its going.
    pub(super) fn pool_gone(&self) -> Result<Option<oneshot::Receiver<()>>, Fault> {
        if self.pipeline.current_state() > gst::State::Ready {
            return Err(Fault::new(FaultCode::MessageInvalid, "the source still runs"));
        }
        Ok(self.pool.upgrade().map(|pool| {
            let (gone, event) = oneshot::channel();
            tracing::info!("buffers of the camera are still out");
            // Dropping the handle of the notification keeps the notification.
            drop(pool.add_weak_ref_notify(move || gone.send(()).unwrap_or_default()));
            event
        }))
    }

    /// To this many bits per second, of such pictures, from the next ones on.
    pub(super) fn set_rate(&self, bitrate: u32, step: Step) {
        encoder::set_bitrate(&self.encoder, bitrate);
        self.picture.set(step);
    }

    /// Upstream from the sink, through the parser, to the encoder; or to that directly.
    pub(super) fn force_keyframe(&self) {
        if encoder::force_keyframe(&self.encoder) {
            return;
        }
        if let Some(pad) = self.sink.static_pad("sink") {
            let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
            pad.push_event(event);
        }
    }

    /// For tests to look at.
    #[cfg(test)]
    pub(super) fn encoder(&self) -> &gst::Element {
        &self.encoder
    }

    /// The mistake that keeps cameras open: one buffer of the source, held for ever.
    #[cfg(feature = "faults")]
    pub(super) fn keep_buffer(&self) {
        if let Some(pad) = self.camera.static_pad("src") {
            pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
                std::mem::forget(info.buffer_mut().map(|buffer| buffer.clone()));
                gst::PadProbeReturn::Remove
            });
        }
    }

    /// NULL, and dropped. Done when the pipeline is seen to be finalised: with it went every
    /// reference that this process held to the device.
    pub(super) fn close(self, here: &OnStage) -> Result<(), Fault> {
        let Self { pipeline, camera, encoder, picture, sink, .. } = self;
        let refused = here.bring(pipeline.upcast_ref(), gst::State::Null).is_err();
        sink.set_callbacks(gst_app::AppSinkCallbacks::builder().build());
        if let Some(bus) = pipeline.bus() {
            bus.set_flushing(true);
            bus.unset_sync_handler();
        }
        let (whole, source) = (Farewell::of(&pipeline), Farewell::of(&camera));
        drop((pipeline, camera, encoder, picture, sink));
        if refused {
            return Err(Fault::new(FaultCode::CameraWedged, "the pipeline refuses NULL"));
        }
        let deadline = Instant::now() + MOMENT;
        match (whole.came_by(deadline), source.came_by(deadline)) {
            (true, true) => Ok(()),
            (_, false) => {
                Err(Fault::new(FaultCode::CameraWedged, "the source outlives its pipeline"))
            }
            (false, _) => {
                Err(Fault::new(FaultCode::CameraWedged, "the pipeline is still referenced"))
            }
        }
    }
}
