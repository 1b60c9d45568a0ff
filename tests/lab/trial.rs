// SPDX-License-Identifier: MIT OR Apache-2.0
//! One session by a given order, from its beginning to what it has left behind.

use std::sync::Arc;
use std::time::Duration;

use shutterd::lifecycle::Role;
use shutterd::wire::CameraCommand;
use shutterd::worker::{self, Spares, Worker};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use crate::board::Board;
use crate::cast::{Cast, Trouble, Work};
use crate::left;
use crate::order::{Order, Wait};
use crate::record::{Did, Next, Record};

/// When the stop is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stop {
    /// Some packets after the first picture.
    Watching,
    /// At a moment of chance, from the beginning to a while after the first picture.
    Anywhere,
}

/// When the next session begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Successor {
    /// As soon as the camera is observed closed.
    Observed,
    /// As soon as the last undo was begun and waited for.
    AtOnce,
}

/// What is tried.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) experiment: &'static str,
    pub(crate) variant: String,
    pub(crate) order: Order,
    pub(crate) stop: Stop,
    pub(crate) successor: Successor,
}

/// How long is waited for what may not come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Each step, each undo, the first picture.
    pub(crate) step: Duration,
    /// The camera's being observed closed, from the stop.
    pub(crate) closed: Duration,
    /// The goodbye, once the end is over.
    pub(crate) goodbye: Duration,
    /// The span from which chance takes its moments.
    pub(crate) span: Duration,
}

/// Where trials are made.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) board: Arc<Board>,
    pub(crate) spares: Arc<Spares>,
    pub(crate) patience: Patience,
}

pub(crate) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 1e2
}

/// Lets time pass: what the product never does, and what is tried here.
pub(crate) async fn pass(time: Duration) {
    let _ = timeout(time, std::future::pending::<()>()).await;
}

impl Lab {
    pub(crate) async fn run(&self, trial: &Trial, seed: u64) -> Record {
        let mut record = Record {
            experiment: trial.experiment,
            variant: trial.variant.clone(),
            role: if trial.order.role == Role::Offerer { "offerer" } else { "answerer" }.into(),
            seed,
            ..Record::default()
        };
        let order = &trial.order;
        match Cast::gather(&self.spares, &self.board, order).await {
            Ok(cast) => self.session(trial, seed, &cast, &mut record).await,
            Err(fault) => record.broken = Some(fault.to_string()),
        }
        record
    }

    async fn session(&self, trial: &Trial, seed: u64, cast: &Cast, record: &mut Record) {
        let begun = Instant::now();
        let mut unawaited = JoinSet::new();
        match trial.stop {
            Stop::Watching => {
                if self.start(trial, cast, begun, record, &mut unawaited).await {
                    record.channel = timeout(self.patience.goodbye, cast.channel()).await.is_ok();
                    let more = cast.packets().await + 1 + seed % 30;
                    let _ = timeout(self.patience.step, cast.receives(more)).await;
                }
            }
            Stop::Anywhere => {
                let at = self.patience.span.mul_f64((seed % 1000) as f64 / 1000.0);
                let run = self.start(trial, cast, begun, record, &mut unawaited);
                let until = async {
                    run.await;
                    std::future::pending::<()>().await;
                };
                let _ = timeout_at(begun + at, until).await;
                record.stopped_at = Some(ms(at));
            }
        }
        let asked = Instant::now();
        let before = cast.packets().await;
        let mut watching = JoinSet::new();
        let (camera, board) = (cast.camera.clone(), Arc::clone(&self.board));
        let patience = self.patience.closed;
        watching.spawn(async move {
            let closed = async {
                camera.reaped().await;
                board.is_closed_within(patience).await.then(|| ms(asked.elapsed()))
            };
            timeout(patience, closed).await.ok().flatten()
        });
        self.end(trial, cast, record, &mut unawaited).await;
        if trial.successor == Successor::Observed {
            record.closed = watching.join_next().await.and_then(Result::ok).flatten();
            record.busy = self.board.is_busy();
            record.next = Some(self.next().await);
        } else {
            record.next = Some(self.next().await);
            record.closed = watching.join_next().await.and_then(Result::ok).flatten();
        }
        if record.first_frame.is_some() {
            record.told = timeout(self.patience.goodbye, cast.goodbye()).await.is_ok();
        }
        record.packets_after = cast.packets().await - before;
        record.left = left::census(&cast.camera, &cast.peer);
        self.clear(cast, record).await;
    }

    /// Whether the viewer sees a picture.
    async fn start(
        &self,
        trial: &Trial,
        cast: &Cast,
        begun: Instant,
        record: &mut Record,
        unawaited: &mut JoinSet<Result<(), Trouble>>,
    ) -> bool {
        for (step, wait) in &trial.order.start {
            let asked = Instant::now();
            let result = self.follow(cast.begin(*step), *wait, unawaited).await;
            let goes_on = result == "done" || result == "unknown";
            record.start.push(Did { name: step.name(), result, took: ms(asked.elapsed()) });
            if !goes_on {
                return false;
            }
        }
        let is_there = timeout(self.patience.step, cast.first_frame()).await.is_ok();
        record.first_frame = is_there.then(|| ms(begun.elapsed()));
        // As the product does: never while somebody waits for a picture.
        self.spares.replenish();
        is_there
    }

    /// Nothing is killed here: what an order leaves behind is what is looked for.
    async fn end(
        &self,
        trial: &Trial,
        cast: &Cast,
        record: &mut Record,
        unawaited: &mut JoinSet<Result<(), Trouble>>,
    ) {
        for (undo, wait) in &trial.order.end {
            let asked = Instant::now();
            let result = self.follow(cast.undo(*undo), *wait, unawaited).await;
            record.end.push(Did { name: undo.name(), result, took: ms(asked.elapsed()) });
        }
    }

    async fn follow(
        &self,
        work: Work,
        wait: Wait,
        unawaited: &mut JoinSet<Result<(), Trouble>>,
    ) -> String {
        match wait {
            Wait::Event => match timeout(self.patience.step, work).await {
                Ok(Ok(())) => "done".into(),
                Ok(Err(trouble)) => trouble.name(),
                Err(_) => "late".into(),
            },
            Wait::Interval(interval) => {
                unawaited.spawn(work);
                if !interval.is_zero() {
                    pass(interval).await;
                }
                "unknown".into()
            }
        }
    }

    /// The camera's part of the session after it, with a worker of its own.
    async fn next(&self) -> Next {
        let asked = Instant::now();
        let (result, camera) = match self.spares.take_camera() {
            Ok((camera, _facts)) => (self.opens(&camera).await, Some(camera)),
            Err(fault) => (Err(fault.code.name().to_owned()), None),
        };
        let took = ms(asked.elapsed());
        if let Some(camera) = camera {
            if result.is_ok() {
                let _ = timeout(self.patience.closed, close(&camera)).await;
            }
            camera.kill();
            camera.reaped().await;
            self.board.is_closed_within(self.patience.closed).await;
        }
        Next { result: result.map_or_else(|why| why, |()| "done".into()), took }
    }

    async fn opens(&self, camera: &Worker<worker::Camera>) -> Result<(), String> {
        let open = self.board.open().map_err(|fault| fault.code.name().to_owned())?;
        for command in [open, CameraCommand::CreateSource] {
            match timeout(self.patience.step, camera.call(command, None)).await {
                Ok(Ok(_)) => {}
                Ok(Err(fault)) => return Err(fault.code.name().to_owned()),
                Err(_) => return Err("late".into()),
            }
        }
        Ok(())
    }

    /// Whatever the order was, the next run finds nothing of it.
    async fn clear(&self, cast: &Cast, record: &mut Record) {
        cast.camera.kill();
        cast.peer.kill();
        tokio::join!(cast.camera.reaped(), cast.peer.reaped());
        if !self.board.is_closed_within(Duration::from_secs(10)).await {
            record.broken = Some("the camera stays open after its worker was killed".into());
        }
        self.spares.replenish();
    }
}

async fn close(camera: &Worker<worker::Camera>) {
    for command in [
        CameraCommand::DestroySource,
        CameraCommand::AwaitCaptureStopped,
        CameraCommand::CloseCamera,
    ] {
        let _ = camera.call(command, None).await;
    }
    camera.reaped().await;
}
