// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sharing and release, one property at a time. `tests/mutants.sh` plants the faults that each of
//! these is there for.

use std::time::Duration;

use futures_util::future::join;
use tokio::sync::mpsc;

use super::fake::{A, B, Holder, Mood, Stand, in_time, until};
use super::*;
use crate::lifecycle::{Cause, Outcome, Phase, Role, StopReason, Worker};
use crate::session::ToViewer;
use crate::session::driver::Stage;
use crate::session::peer::Peer;
use crate::session::stage::SessionStage;
use crate::session::status::SessionStatus;
use crate::session::viewer::Outbox;
use crate::wire::{Extensions, VideoTrack};

impl Stand {
    fn state(&self) -> CameraState {
        self.camera.status().state
    }

    async fn close(&self, session: SessionId, confirming: bool) -> Result<Done, Fault> {
        in_time("close", self.camera.close(session, confirming)).await
    }

    async fn refused(&self, session: SessionId) -> Fault {
        let opening = self.camera.open(session, Codec::H264);
        in_time("refused", opening).await.expect_err("it must not be opened")
    }

    /// Wedged by a holder that came after the camera was opened; up to here no hook has run.
    async fn wedged(&self) -> Holder {
        self.opened(A).await;
        let holder = self.held_by("cheese");
        self.close(A, false).await.unwrap_err();
        assert_eq!(self.hooks(), 0, "the worker was not killed yet");
        self.camera.kill(A);
        self.close(A, true).await.unwrap_err();
        assert_eq!(self.hooks(), 0, "it may still end by itself");
        self.camera.latch(A).await;
        assert_eq!(self.state(), CameraState::Wedged);
        holder
    }

    /// Waits until the oracle has looked `times` more.
    async fn looked(&self, times: usize) {
        for _ in 0..times {
            let last = || self.camera.shutter.last().map(|seen| seen.at);
            let before = last();
            in_time("another look", until(|| last() != before)).await;
        }
    }
}

#[tokio::test]
async fn it_is_closed_when_its_worker_has_ended_and_not_before() {
    let stand = Stand::new().mood(Mood::Stays);
    stand.opened(A).await;
    // In this order, always: whoever closes hears what the worker says first.
    let (closed, ()) = join(stand.close(A, false), async {
        stand.told("CloseCamera").await;
        // Answered after the close was.
        in_time("detach", stand.camera.detach(B)).await.unwrap();
        assert_eq!(stand.state(), CameraState::Closing);
        stand.camera.kill(A);
    })
    .await;
    assert!(closed.unwrap().note.unwrap().ends_with("ended, signal 9"));
    assert_eq!(stand.state(), CameraState::Closed);
}

#[tokio::test]
async fn a_worker_ends_because_it_was_told_to_close() {
    let stand = Stand::new();
    stand.opened(A).await;
    let closed = stand.close(A, false).await.unwrap();
    assert!(closed.note.unwrap().ends_with("ended, exit code 0"));
    assert_eq!(stand.state(), CameraState::Closed);
}

#[tokio::test]
async fn what_is_still_held_is_not_closed() {
    let stand = Stand::new();
    stand.opened(A).await;
    let holder = stand.held_by("cheese");
    let fault = stand.close(A, false).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::CameraWedged);
    assert!(fault.detail.contains(&format!("cheese (pid {})", holder.child.id())), "{fault}");
    assert_eq!(stand.state(), CameraState::Closing);
}

#[tokio::test]
async fn a_camera_that_somebody_has_is_not_opened() {
    let stand = Stand::new();
    let holder = stand.held_by("cheese");
    let fault = stand.refused(A).await;
    assert_eq!(fault.code, FaultCode::CameraBusy);
    assert!(fault.detail.contains(&format!("cheese (pid {})", holder.child.id())), "{fault}");
    let closed = stand.close(A, false).await.unwrap();
    assert_eq!(
        (closed.note.as_deref(), stand.state()),
        (Some("nothing was opened"), CameraState::Closed)
    );
    stand.let_go(holder);
    assert!(stand.opened(B).await.starts_with("worker "));
}

#[tokio::test]
async fn who_comes_while_it_closes_waits_and_gets_another_worker() {
    let stand = Stand::new();
    let first = stand.opened(A).await;
    in_time("destroy", stand.camera.destroy_source(A)).await.unwrap();
    let (closed, second) = tokio::join!(stand.close(A, false), stand.opened(B));
    closed.unwrap();
    assert!(second.starts_with("worker ") && second != first, "{first}, {second}");
    assert_eq!((stand.state(), stand.camera.status().viewers), (CameraState::Open, 1));
}

#[tokio::test]
async fn a_kill_for_one_of_two_kills_nothing() {
    let stand = Stand::new();
    stand.opened(A).await;
    assert_eq!(stand.opened(B).await, "shared with 1 other");
    stand.camera.kill(A);
    let (_, worker) = stand.camera.run_of(B).unwrap();
    assert!(!worker.is_ending());
    assert_eq!(stand.close(A, false).await.unwrap().note.as_deref(), Some("kept for 1 other"));
    assert_eq!(stand.state(), CameraState::Open);
}

#[tokio::test]
async fn a_wedged_camera_is_refused_and_free_again_by_itself() {
    let stand = Stand::new();
    stand.opened(A).await;
    let holder = stand.held_by("cheese");
    stand.close(A, false).await.unwrap_err();
    stand.camera.latch(A).await;
    assert_eq!(stand.refused(B).await.code, FaultCode::CameraWedged);
    stand.let_go(holder);
    in_time("free again", stand.camera.released()).await;
    assert_eq!((stand.state(), stand.camera.status().fault), (CameraState::Closed, None));
    assert!(stand.opened(B).await.starts_with("worker "));
}

#[tokio::test]
async fn the_hook_runs_once_and_after_everything_else() {
    let stand = Stand::new();
    let holder = stand.wedged().await;
    in_time("the hook", until(|| stand.hooks() > 0)).await;
    stand.looked(3).await;
    assert_eq!((stand.hooks(), stand.state()), (1, CameraState::Wedged));
    stand.let_go(holder);
    in_time("free again", stand.camera.released()).await;
    assert_eq!(stand.hooks(), 1);
}

#[tokio::test]
async fn one_clock_runs_however_often_the_camera_comes_back() {
    let stand = Stand::new().mood(Mood::Fails);
    let opening = stand.camera.open(A, Codec::H264);
    let (_, mut held) = in_time("open", opening).await.unwrap();
    stand.camera.watches(A);
    in_time("frames", stand.camera.create_source(A)).await.unwrap();
    let lost = in_time("given up", held.lost.wait_for(Option::is_some)).await.unwrap().clone();
    let Some(Loss::Failed(fault)) = lost else { panic!("{lost:?}") };
    assert!(fault.detail.ends_with("not back within 1s"), "{fault}");
    assert!(held.links.try_recv().is_ok(), "it came back in between");
    stand.camera.kill(A);
    stand.close(A, true).await.unwrap();
}

#[tokio::test]
async fn an_end_between_two_openings_is_observed_too() {
    let stand = Stand::new().mood(Mood::Fails);
    stand.opened(A).await;
    stand.camera.watches(A);
    let holder = stand.held_by("cheese");
    in_time("frames", stand.camera.create_source(A)).await.unwrap();
    let fault = || stand.camera.status().fault;
    let refused = || fault().is_some_and(|fault| fault.code == FaultCode::CameraBusy);
    in_time("refused", until(refused)).await;
    let fault = stand.close(A, false).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::CameraWedged, "{fault}");
    assert_eq!(stand.state(), CameraState::Closing);
    stand.let_go(holder);
    let closed = stand.close(A, true).await.unwrap();
    assert_eq!(closed.note.as_deref(), Some("its worker had ended"));
    assert_eq!(stand.state(), CameraState::Closed);
}

#[tokio::test]
async fn only_an_earlier_worker_of_ours_wedges_the_camera_at_the_start() {
    let stand = Stand::new();
    let _holder = stand.held_by("cheese");
    in_time("survey", stand.camera.survey()).await.unwrap();
    assert_eq!(stand.state(), CameraState::Closed);
    let stand = Stand::new();
    let _holder = stand.held_by("shutter-media");
    in_time("survey", stand.camera.survey()).await.unwrap();
    assert_eq!(stand.state(), CameraState::Wedged);
}

#[tokio::test]
async fn a_viewer_is_told_of_the_end_after_the_last_look() {
    let stand = Stand::new();
    stand.opened(A).await;
    let _holder = stand.held_by("cheese");
    stand.close(A, false).await.unwrap_err();
    let (to_viewer, mut told) = mpsc::unbounded_channel();
    let stage = stage(&stand, to_viewer);
    stage.publish(Phase::Stopping, None);
    let cause = Cause::Requested { by: StopReason::Viewer };
    let outcome = Outcome { cause, unclean: Vec::new(), held: vec![Worker::Camera] };
    tokio::join!(in_time("the end", stage.end(outcome.clone())), async {
        assert_eq!(in_time("told", told.recv()).await, Some(ToViewer::Ended(outcome)));
        assert_eq!(stand.state(), CameraState::Wedged, "told before it was known");
    });
}

/// The stage of session `A`, which has a lease.
fn stage(stand: &Stand, to_viewer: mpsc::UnboundedSender<ToViewer>) -> SessionStage {
    let status = SessionStatus {
        id: A,
        run: String::new(),
        generation: 1,
        serial: 0,
        camera: "head".to_owned(),
        role: Role::Answerer,
        codec: Codec::H264,
        viewer: None,
        phase: Phase::Running,
        step: None,
        asked_at: String::new(),
        outcome: None,
    };
    SessionStage {
        id: A,
        camera: Arc::clone(&stand.camera),
        peer: Arc::new(Peer::new(A)),
        spares: Arc::clone(&stand.around.spares),
        warm_within: Duration::from_secs(5),
        tasks: stand.around.tasks.clone(),
        ice_servers: Vec::new(),
        video: VideoTrack {
            codec: Codec::H264,
            payload: 102,
            profile_level_id: None,
            promise: None,
            bitrate: 1_000_000,
            extensions: Extensions::default(),
        },
        has_channel: true,
        offer: None,
        inbox: Arc::default(),
        outbox: Arc::new(Outbox::new(to_viewer)),
        answer: watch::Sender::default(),
        events: mpsc::unbounded_channel().0,
        stopping: CancellationToken::new(),
        status: watch::Sender::new(status),
        serial: stand.around.serial.clone(),
    }
}
