// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether an object is gone, as it says itself. After a pipeline's NULL a thread of GStreamer's may
//! still have a reference for a moment: one that ends, or one that was about to go on with a state
//! change that was overtaken. Who keeps one for ever keeps the device.

use std::convert::Infallible;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;

/// How long a reference may outlast NULL. A tenth, at most, of the default deadlines of the steps that
/// ask: `close-camera` and `destroy-peer`.
pub(crate) const MOMENT: Duration = Duration::from_millis(100);

/// Told when one object is disposed of.
#[derive(Debug)]
pub(crate) struct Farewell(mpsc::Receiver<Infallible>);

impl Farewell {
    /// Of `object`, which it does not hold.
    pub(crate) fn of(object: &impl IsA<glib::Object>) -> Self {
        let (held, gone) = mpsc::channel();
        object.add_weak_ref_notify(move || drop(held));
        Self(gone)
    }

    /// Waits for it until `deadline`; whether the object is gone. Blocks, so it belongs on a stage.
    pub(crate) fn came_by(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        self.0.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Disconnected)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_reference_of_a_moment_is_waited_for_and_one_that_is_kept_is_told() {
        gst::init().unwrap();
        let pipeline = gst::Pipeline::new();
        let farewell = Farewell::of(&pipeline);
        let kept = pipeline.clone();
        drop(pipeline);
        assert!(!farewell.came_by(Instant::now()));
        let (asks, asked) = mpsc::sync_channel(0);
        thread::scope(|threads| {
            threads.spawn(move || {
                asked.recv().unwrap();
                drop(kept);
            });
            asks.send(()).unwrap();
            assert!(farewell.came_by(Instant::now() + Duration::from_secs(10)));
        });
    }
}
