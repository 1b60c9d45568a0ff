// SPDX-License-Identifier: MIT OR Apache-2.0
//! The camera worker: one pipeline, encoded once, sent to every link.

#[cfg(test)]
mod boards;
mod capture;
mod encoder;
mod fanout;
mod formats;
mod keyframes;
mod launch;
mod outlet;
mod picture;
mod pipeline;
mod rates;
mod stall;
mod steps;
mod thinning;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::{CameraCommand, CameraFact, Reply, Request, SessionId};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::control::{Reporter, Worker};
use super::elements;
use super::lane::{Lane, Order, lane, unless_overtaken};
use super::state::Stage;
use capture::Progress;
use fanout::Fanout;
use outlet::Outlets;
use pipeline::Pipeline;
use stall::LastFrame;

/// GStreamer's plugin for V4L2 opens every node there is when it is loaded. So it is loaded by who is
/// to open the camera, and by no spare.
const OPENS_NODES: &str = "video4linux2";

/// The control loop's side: one lane, for there is one camera.
#[derive(Debug)]
pub(crate) struct CameraWorker {
    lane: Lane<CameraCommand>,
    reporter: Reporter<CameraFact>,
    /// Owns the lane's task.
    _tasks: JoinSet<()>,
}

impl Worker for CameraWorker {
    type Command = CameraCommand;
    type Fact = CameraFact;

    fn new(reporter: Reporter<CameraFact>, finished: CancellationToken) -> Self {
        let (lane, mut orders) = lane();
        let mut tasks = JoinSet::new();
        let for_pings = reporter.clone();
        tasks.spawn(async move {
            let mut camera = match Camera::new(reporter.clone()) {
                Ok(camera) => camera,
                Err(error) => {
                    tracing::error!(%error, "cannot start");
                    return finished.cancel();
                }
            };
            while let Some(Order { id, command, fds, overtaken }) = orders.recv().await {
                let last = matches!(command, CameraCommand::CloseCamera);
                let result = unless_overtaken(&overtaken, camera.execute(command, fds)).await;
                reporter.result(id, result);
                if last {
                    return finished.cancel();
                }
            }
        });
        Self { lane, reporter: for_pings, _tasks: tasks }
    }

    fn accept(&mut self, request: Request<CameraCommand>, fds: Vec<OwnedFd>) {
        if request.command == CameraCommand::Ping {
            return self.reporter.result(request.id, Ok(Reply::Done));
        }
        #[cfg(feature = "faults")]
        if let CameraCommand::Plant(faults) = request.command {
            return super::planted::plan(faults);
        }
        // `Detach` concerns one viewer and must not end what runs for the others.
        let teardown = matches!(
            request.command,
            CameraCommand::DestroySource
                | CameraCommand::AwaitCaptureStopped
                | CameraCommand::CloseCamera
        );
        self.lane.add(request, fds, teardown);
    }
}

/// The lane's side.
#[derive(Debug)]
struct Camera {
    stage: Stage<Option<Pipeline>>,
    progress: watch::Sender<Progress>,
    fanout: Arc<Fanout>,
    outlets: Outlets,
    reporter: Reporter<CameraFact>,
    last_frame: Arc<LastFrame>,
    /// Owns the watch for a stall.
    watching: JoinSet<()>,
}

impl Camera {
    fn new(reporter: Reporter<CameraFact>) -> std::io::Result<Self> {
        let stage = Stage::new("camera")?;
        let fanout = Arc::new(Fanout::default());
        let outlets = Outlets::new(Arc::clone(&fanout), &stage, reporter.clone());
        let (progress, last_frame, watching) = Default::default();
        Ok(Self { stage, progress, fanout, outlets, reporter, last_frame, watching })
    }

    #[cfg(feature = "faults")]
    async fn execute(&mut self, command: CameraCommand, fds: Vec<OwnedFd>) -> Result<Reply, Fault> {
        use super::planted::{hit, planned, step_of};
        use shutterd::wire::planted::{Misdeed, Place, When};
        let step = step_of(&command);
        hit(&self.stage, Place::Camera, &step, When::Before).await?;
        let reply = self.perform(command, fds).await?;
        if planned(Place::Camera, &step, When::After) == Some(Misdeed::KeepBuffer) {
            self.stage.run(|scene, _| scene.iter().for_each(Pipeline::keep_buffer)).await?;
        }
        hit(&self.stage, Place::Camera, &step, When::After).await?;
        Ok(reply)
    }

    #[cfg(not(feature = "faults"))]
    async fn execute(&mut self, command: CameraCommand, fds: Vec<OwnedFd>) -> Result<Reply, Fault> {
        self.perform(command, fds).await
    }

    async fn perform(&mut self, command: CameraCommand, fds: Vec<OwnedFd>) -> Result<Reply, Fault> {
        match command {
            CameraCommand::Ping => {}
            #[cfg(feature = "faults")]
            CameraCommand::Plant(_) => {}
            CameraCommand::Prepare { elements } => self.prepare(elements).await?,
            CameraCommand::OpenCamera { launch, device, codec, whole } => {
                self.outlets.rates.begin(whole);
                let wiring = pipeline::Wiring {
                    progress: self.progress.clone(),
                    fanout: Arc::clone(&self.fanout),
                    reporter: self.reporter.clone(),
                    last_frame: Arc::clone(&self.last_frame),
                };
                self.stage
                    .run(move |scene, here| {
                        if scene.is_some() {
                            return Err(wrong_state("the camera is open"));
                        }
                        {
                            let device = device.as_deref();
                            pipeline::open(scene, &launch, device, codec, whole, wiring, here)
                        }
                    })
                    .await??;
            }
            CameraCommand::CreateSource => self.create_source().await?,
            CameraCommand::Attach { session } => {
                return self.attach(session, fds).await.map(Reply::Caps);
            }
            CameraCommand::Detach { session } => self.outlets.detach(session).await,
            CameraCommand::DestroySource => {
                self.progress.send_replace(Progress::Stopped);
                let stop = |scene: &mut Option<Pipeline>, here: &_| match scene {
                    Some(pipeline) => pipeline.stop(here),
                    None => Ok(()),
                };
                self.stage.run(stop).await??;
            }
            CameraCommand::AwaitCaptureStopped => self.await_capture_stopped().await?,
            CameraCommand::CloseCamera => {
                self.progress.send_replace(Progress::Stopped);
                let close = |scene: &mut Option<Pipeline>, here: &_| match scene.take() {
                    Some(pipeline) => pipeline.close(here),
                    None => Ok(()),
                };
                let closed = self.stage.run(close).await?;
                self.outlets.detach_all().await;
                closed?;
            }
        }
        Ok(Reply::Done)
    }

    async fn prepare(&self, names: Vec<String>) -> Result<(), Fault> {
        let warm_up = |name: &str| match elements::plugin_of(name)?.as_deref() {
            Some(OPENS_NODES) => Ok(()),
            _ => elements::make(name).map(drop),
        };
        self.stage
            .run(move |_, _| {
                let names = names.iter().map(String::as_str);
                // All that there are, though the encoder of one codec be missing.
                launch::TAIL.iter().copied().chain(names).map(warm_up).fold(Ok(()), Result::and)
            })
            .await?
    }

    async fn create_source(&mut self) -> Result<(), Fault> {
        let mut progress = self.progress.subscribe();
        self.stage
            .run(|scene, here| match scene {
                Some(pipeline) => pipeline.start(here),
                None => Err(wrong_state("no camera is open")),
            })
            .await??;
        // PLAYING is no proof: a live source claims it before its driver streams.
        let sight = progress
            .wait_for(|p| !matches!(p, Progress::Waiting))
            .await
            .map_err(|_| wrong_state("the camera is closed"))?
            .clone();
        match sight {
            Progress::Failed(fault) => Err(fault),
            Progress::Stopped => Err(wrong_state("the source was destroyed")),
            Progress::Waiting | Progress::Flowing => {
                let (last, progress, reporter) =
                    (Arc::clone(&self.last_frame), self.progress.clone(), self.reporter.clone());
                self.watching.spawn(async move { stall::watch(&last, &progress, &reporter).await });
                // The pool exists by now: remember it, for `await-capture-stopped`.
                self.stage.run(|scene, _| scene.iter_mut().for_each(Pipeline::note_pool)).await
            }
        }
    }

    async fn attach(&mut self, session: SessionId, fds: Vec<OwnedFd>) -> Result<String, Fault> {
        let Ok([link]) = <[OwnedFd; 1]>::try_from(fds) else {
            return Err(Fault::new(FaultCode::WireInvalid, "attach needs one descriptor"));
        };
        if !matches!(*self.progress.borrow(), Progress::Flowing) {
            return Err(wrong_state("the camera delivers nothing to attach to"));
        }
        self.outlets.attach(session, link).await
    }

    /// Waits until the pool from which the source took its buffers is finalised. Each buffer out
    /// holds a reference to its pool, and a pool of v4l2src holds a duplicate of the device's
    /// descriptor: when the pool is gone, no buffer is out and the duplicate is closed. That the
    /// streaming threads have ended was waited for by the state change to READY.
    async fn await_capture_stopped(&self) -> Result<(), Fault> {
        let gone = self
            .stage
            .run(|scene, _| match scene {
                Some(pipeline) => pipeline.pool_gone(),
                None => Ok(None),
            })
            .await??;
        if let Some(gone) = gone {
            // The sender is dropped with the pool, after having sent or not.
            let _ = gone.await;
        }
        Ok(())
    }
}

fn wrong_state(detail: &str) -> Fault {
    Fault::new(FaultCode::MessageInvalid, detail)
}
