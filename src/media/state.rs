// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stages: one thread per pipeline, where its GStreamer objects are made, changed and dropped. A
//! state change may block for as long as a driver likes; then it blocks its stage and nothing else.
//!
//! Jobs run in order, so a release that follows an acquire finds what the acquire made, even when
//! nobody waited for it any more.

use std::io;
use std::marker::PhantomData;
use std::sync::mpsc;

use gst::prelude::*;
use shutterd::lifecycle::{Fault, FaultCode};
use tokio::sync::oneshot;

type Job<S> = Box<dyn FnOnce(&mut S, &OnStage) + Send>;

/// A handle to a stage. The thread ends when the last handle is gone.
pub(crate) struct Stage<S> {
    jobs: mpsc::Sender<Job<S>>,
}

impl<S> Clone for Stage<S> {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone() }
    }
}

impl<S> std::fmt::Debug for Stage<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stage")
    }
}

/// Shows that its bearer runs on a stage's thread: the only place where states are changed.
#[derive(Debug)]
pub(crate) struct OnStage(PhantomData<*const ()>);

impl<S: Default + 'static> Stage<S> {
    /// Starts a stage named `name`, with nothing on it.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(crate) fn new(name: &str) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job<S>>();
        std::thread::Builder::new().name(name.into()).spawn(move || {
            let mut scene = S::default();
            let here = OnStage(PhantomData);
            for job in queue {
                job(&mut scene, &here);
            }
        })?;
        Ok(Self { jobs })
    }

    /// Does `job` on the stage and waits for it. Not waiting any more does not undo the job.
    ///
    /// # Errors
    /// When the stage is gone.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut S, &OnStage) -> R + Send + 'static,
    ) -> Result<R, Fault> {
        let (sender, result) = oneshot::channel();
        self.post(move |scene, here| {
            // Whoever asked may have stopped waiting.
            let _ = sender.send(job(scene, here));
        });
        result.await.map_err(|_| Fault::new(FaultCode::WorkerGone, "the stage's thread ended"))
    }

    /// Does `job` on the stage some time, and does not wait. Callbacks may call this.
    pub(crate) fn post(&self, job: impl FnOnce(&mut S, &OnStage) + Send + 'static) {
        // A stage without a thread has nothing left to do the job to.
        let _ = self.jobs.send(Box::new(job));
    }
}

impl OnStage {
    /// Changes `element`'s state, with no lock held. Blocks.
    ///
    /// # Errors
    /// When the element refuses; why is on its bus.
    #[expect(clippy::disallowed_methods, reason = "the one place; it is never a tokio worker")]
    pub(crate) fn bring(
        &self,
        element: &gst::Element,
        state: gst::State,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let result = element.set_state(state);
        tracing::debug!(element = %element.name(), ?state, ?result, "state");
        result
    }
}
