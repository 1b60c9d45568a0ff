// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the sink's streaming thread to the links. The access unit is copied out once; its buffer
//! goes back before the callback returns, for one that is kept would keep the camera open.

use std::sync::Arc;

use gst::prelude::*;
use shutterd::lifecycle::Fault;
use tokio::sync::watch;

use super::fanout::Fanout;
use super::stall::LastFrame;

/// How far the source is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Progress {
    /// No frame yet.
    #[default]
    Waiting,
    /// Encoded frames come.
    Flowing,
    /// The pipeline posted an error.
    Failed(Fault),
    /// Being torn down: nothing that happens now is news.
    Stopped,
}

/// Connects `sink` to `fanout`.
pub(super) fn connect(
    sink: &gst_app::AppSink,
    progress: watch::Sender<Progress>,
    fanout: Arc<Fanout>,
    last_frame: Arc<LastFrame>,
) {
    let mut known: Option<gst::Caps> = None;
    let callbacks = gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            if let Some(caps) = sample.caps()
                && known.as_deref() != Some(caps)
            {
                fanout.set_caps(&caps.to_string());
                known = Some(caps.to_owned());
            }
            let Some(buffer) = sample.buffer() else { return Ok(gst::FlowSuccess::Ok) };
            let Ok(unit) = buffer.map_readable() else { return Ok(gst::FlowSuccess::Ok) };
            if unit.is_empty() {
                return Ok(gst::FlowSuccess::Ok);
            }
            last_frame.note();
            let keyframe = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            fanout.publish(&unit, keyframe, captured_at(sink, &sample, buffer));
            progress.send_if_modified(|now| {
                let first = *now == Progress::Waiting;
                if first {
                    *now = Progress::Flowing;
                }
                first
            });
            Ok(gst::FlowSuccess::Ok)
        })
        .build();
    sink.set_callbacks(callbacks);
}

/// `CLOCK_MONOTONIC` of the capture, in nanoseconds. Encoders shift their timestamps (x264enc by
/// 1000 hours), so they mean something only through their segment.
fn captured_at(sink: &gst_app::AppSink, sample: &gst::Sample, buffer: &gst::BufferRef) -> u64 {
    let running = sample
        .segment()
        .and_then(|s| s.downcast_ref::<gst::ClockTime>())
        .zip(buffer.pts())
        .and_then(|(segment, pts)| segment.to_running_time(pts));
    match running.zip(sink.base_time()) {
        Some((running, base)) => (running + base).nseconds(),
        None => gst::SystemClock::obtain().time().nseconds(),
    }
}
