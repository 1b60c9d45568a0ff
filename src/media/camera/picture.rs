// SPDX-License-Identifier: MIT OR Apache-2.0
//! The encoder's input at a [`Step`]: fewer pictures, and smaller ones where the pipeline's text has a
//! capsfilter named `picture` behind a scaler.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;

use shutterd::wire::Whole;

use super::encoder;
use super::steps::Step;

/// The capsfilter of a pipeline's text that decides the size.
pub(super) const NAME: &str = "picture";

/// What goes into the encoder.
#[derive(Debug)]
pub(super) struct Picture {
    size: Option<gst::Element>,
    whole: Whole,
    input: Arc<Input>,
}

/// The encoder's input, on the streaming thread.
#[derive(Debug, Default)]
struct Input {
    /// Of so many pictures one is encoded, and one more.
    left_out: AtomicU32,
    /// Pictures since the last one that was encoded.
    since: AtomicU32,
    /// What the encoder was told last, and the caps that it would have without that. `None` for one
    /// that is told nothing.
    told: Option<Mutex<(u32, Option<gst::Caps>)>>,
}

impl Picture {
    /// Whole pictures, all of them.
    pub(super) fn of(pipeline: &gst::Pipeline, encoder: &gst::Element, whole: Whole) -> Self {
        // Of a driver's encoder only some pictures are left out.
        let reconfigures = encoder::known(encoder).is_some_and(|known| known.software);
        let size = pipeline.by_name(NAME).filter(|_| reconfigures);
        let input = Input { told: reconfigures.then(Mutex::default), ..Input::default() };
        let input = Arc::new(input);
        if let Some(pad) = encoder.static_pad("sink") {
            let (at_caps, at_pictures) = (Arc::clone(&input), Arc::clone(&input));
            pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| at_caps.event(info));
            pad.add_probe(gst::PadProbeType::BUFFER, move |pad, _| at_pictures.picture(pad));
        }
        Self { size, whole, input }
    }

    /// From the next pictures on.
    pub(super) fn set(&self, step: Step) {
        self.input.left_out.store(step.left_out, Ordering::Relaxed);
        if let Some(size) = &self.size {
            // Even, as encoders want it.
            let part =
                |pixels: u32| i32::try_from((pixels >> step.halved) & !1).unwrap_or(i32::MAX);
            let caps = gst::Caps::builder("video/x-raw")
                .field("width", part(self.whole.width))
                .field("height", part(self.whole.height))
                .build();
            size.set_property("caps", caps);
        }
    }
}

impl Input {
    /// Caps are changed to the frame rate that will be: the encoder shares its bits out by it.
    fn event(&self, info: &mut gst::PadProbeInfo) -> gst::PadProbeReturn {
        if let (Some(told), Some(gst::PadProbeData::Event(event))) = (&self.told, &info.data)
            && let gst::EventView::Caps(caps) = event.view()
        {
            let left_out = self.left_out.load(Ordering::Relaxed);
            let mut slower = caps.caps_owned();
            *told.lock().unwrap_or_else(PoisonError::into_inner) = (left_out, Some(slower.clone()));
            slow_down(&mut slower, left_out);
            info.data = Some(gst::PadProbeData::Event(gst::event::Caps::new(&slower)));
        }
        gst::PadProbeReturn::Ok
    }

    fn picture(&self, pad: &gst::Pad) -> gst::PadProbeReturn {
        let left_out = self.left_out.load(Ordering::Relaxed);
        let since = self.since.fetch_add(1, Ordering::Relaxed);
        if since < left_out {
            return gst::PadProbeReturn::Handled;
        }
        self.since.store(0, Ordering::Relaxed);
        let news = self.told.as_ref().and_then(|told| {
            let told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.1.clone().filter(|_| told.0 != left_out)
        });
        if let Some(caps) = news {
            // Past `event`, on this thread, before the picture.
            pad.send_event(gst::event::Caps::new(&caps));
        }
        gst::PadProbeReturn::Ok
    }
}

fn slow_down(caps: &mut gst::Caps, left_out: u32) {
    let times = i32::try_from(left_out + 1).unwrap_or(i32::MAX);
    for format in caps.make_mut().iter_mut() {
        if let Ok(rate) = format.get::<gst::Fraction>("framerate") {
            format.set("framerate", rate / times);
        }
    }
}
