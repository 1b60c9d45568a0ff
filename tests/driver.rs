// SPDX-License-Identifier: MIT OR Apache-2.0
//! The driver against a stage that fails, hangs and is stopped where the test says. Time is
//! tokio's own and stands still but for deadlines, so every bound is exact.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use shutterd::config::Deadlines;
use shutterd::lifecycle::steps::KILL_DEADLINE;
use shutterd::lifecycle::{
    CameraOpens, Cause, Event, Fault, FaultCode, Outcome, Phase, Plan, Role, Step, StopReason,
    UncleanWhy, Undo, Worker,
};
use shutterd::session::driver::{Limits, Stage, drive};
use shutterd::session::{Done, StepResult, Timeline};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// A stage whose steps and undos are done at once, unless they are to hang or fail.
#[derive(Default)]
struct Planted {
    hanging: HashSet<&'static str>,
    failing: HashSet<&'static str>,
    /// What was done, in order; `!` before what was abandoned or late.
    log: Mutex<Vec<String>>,
    running: Notify,
}

/// Says in the log when it is dropped before it is done.
struct Attempt<'a> {
    log: &'a Mutex<Vec<String>>,
    name: &'static str,
    done: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mark = if self.done { "" } else { "!" };
        self.log.lock().unwrap().push(format!("{mark}{}", self.name));
    }
}

impl Planted {
    fn hang(name: &'static str) -> Self {
        Self { hanging: HashSet::from([name]), ..Self::default() }
    }

    async fn attempt(&self, name: &'static str) -> Result<Done, Fault> {
        let mut attempt = Attempt { log: &self.log, name, done: false };
        if self.hanging.contains(name) {
            std::future::pending::<()>().await;
        }
        attempt.done = true;
        if self.failing.contains(name) {
            return Err(Fault::new(FaultCode::CameraError, "planted"));
        }
        Ok(Done::default())
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

impl Stage for Planted {
    async fn run(&self, step: Step) -> Result<Done, Fault> {
        self.attempt(step.name()).await
    }

    async fn undo(&self, undo: Undo, confirming: bool) -> Result<Done, Fault> {
        if confirming {
            let name = format!("confirm {undo}");
            let hangs = self.hanging.contains(name.as_str());
            self.log.lock().unwrap().push(name);
            if hangs {
                std::future::pending::<()>().await;
            }
            return Ok(Done::default());
        }
        self.attempt(undo.name()).await
    }

    fn kill(&self, worker: Worker) {
        self.log.lock().unwrap().push(format!("kill {worker:?}").to_lowercase());
    }

    fn publish(&self, phase: Phase, _step: Option<&'static str>) {
        if phase == Phase::Running {
            self.running.notify_one();
        }
    }
}

/// No session here takes so long; one that does will never end.
const FOR_EVER: Duration = Duration::from_secs(3600);

struct Run {
    outcome: Outcome,
    timeline: Timeline,
    took: Duration,
}

/// Drives a session; `stop` is called once with the means to stop it.
async fn run<F: Future<Output = ()>>(
    stage: &Planted,
    max_duration: Option<Duration>,
    stop: impl FnOnce(mpsc::UnboundedSender<Event>) -> F,
) -> Run {
    run_when(CameraOpens::BeforeOffer, stage, max_duration, stop).await
}

async fn run_when<F: Future<Output = ()>>(
    camera_opens: CameraOpens,
    stage: &Planted,
    max_duration: Option<Duration>,
    stop: impl FnOnce(mpsc::UnboundedSender<Event>) -> F,
) -> Run {
    let limits = Limits { deadlines: Deadlines::default(), max_duration };
    let timeline = Mutex::new(Timeline::begin());
    let (events, mut queue) = mpsc::unbounded_channel();
    let plan = Plan::new(Role::Offerer, camera_opens);
    let began = Instant::now();
    let stopping = stop(events.clone());
    let driving = drive(stage, plan, &limits, &timeline, &mut queue);
    let both = async { tokio::join!(driving, stopping) };
    let (outcome, ()) = tokio::time::timeout(FOR_EVER, both).await.expect("the session never ends");
    Run { outcome, timeline: timeline.into_inner().unwrap(), took: began.elapsed() }
}

fn requested() -> Event {
    Event::Stop(Cause::Requested { by: StopReason::Api })
}

const UNDOS: [&str; 7] = [
    "disable-tracks",
    "destroy-source",
    "await-capture-stopped",
    "close-camera",
    "destroy-stream",
    "destroy-data-channel",
    "destroy-peer",
];

#[tokio::test(start_paused = true)]
async fn a_whole_session_runs_twelve_steps_and_seven_undos() {
    let stage = Planted::default();
    let run = run(&stage, None, |events| async {
        stage.running.notified().await;
        events.send(requested()).unwrap();
        drop(events);
    })
    .await;
    assert_eq!(run.outcome.cause, Cause::Requested { by: StopReason::Api });
    assert_eq!((run.outcome.unclean.len(), run.outcome.held.len()), (0, 0));
    assert_eq!(run.timeline.entries().len(), 19);
    assert!(run.timeline.entries().iter().all(|entry| entry.result == StepResult::Done));
    assert_eq!(stage.log()[12..], UNDOS);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_step_is_late_after_exactly_its_deadline_and_undone() {
    let stage = Planted::hang("create-source");
    let run = run(&stage, None, |_| async {}).await;
    assert_eq!(run.outcome.cause, Cause::StartLate { step: Step::CreateSource });
    assert_eq!(run.took, Step::CreateSource.row().deadline);
    assert_eq!(
        stage.log(),
        [
            "create-peer",
            "open-camera",
            "!create-source",
            "destroy-source",
            "await-capture-stopped",
            "close-camera",
            "destroy-peer"
        ]
    );
}

// Failure modes: N6.
#[tokio::test(start_paused = true)]
async fn a_stop_wins_over_a_step_in_progress() {
    let stage = Planted::hang("await-answer");
    let run = run(&stage, None, |events| async move { events.send(requested()).unwrap() }).await;
    assert_eq!(run.outcome.cause, Cause::Requested { by: StopReason::Api });
    assert_eq!(run.took, Duration::ZERO);
    let last = run.timeline.entries().iter().rfind(|entry| entry.result == StepResult::Abandoned);
    assert_eq!(last.map(|entry| entry.step.as_str()), Some("await-answer"));
    let log = stage.log();
    assert_eq!(log[7], "!await-answer", "given up before anything is undone");
    assert_eq!(log[8..], UNDOS[1..]);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_undo_is_late_its_worker_killed_and_the_rest_still_runs() {
    for hanging in UNDOS {
        let stage = Planted::hang(hanging);
        let run = run(&stage, None, |events| async {
            stage.running.notified().await;
            events.send(requested()).unwrap();
            drop(events);
        })
        .await;
        let [unclean] = run.outcome.unclean.as_slice() else { panic!("{:?}", run.outcome) };
        assert_eq!((unclean.undo.name(), &unclean.why), (hanging, &UncleanWhy::Late));
        assert_eq!(run.outcome.held, []);
        assert_eq!(run.took, unclean.undo.row().deadline);
        let log = stage.log();
        let worker = format!("kill {:?}", unclean.undo.row().worker).to_lowercase();
        assert!(log.contains(&worker), "{log:?}");
        assert_eq!(log.contains(&format!("confirm {hanging}")), unclean.undo.row().observes);
        for undo in UNDOS.iter().filter(|undo| **undo != hanging) {
            assert!(log.contains(&(*undo).to_owned()), "{undo} did not run: {log:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_still_there_after_a_kill_is_held_and_nobody_waits_for_it() {
    let hanging = HashSet::from(["close-camera", "confirm close-camera"]);
    let stage = Planted { hanging, ..Planted::default() };
    let run = run(&stage, None, |events| async {
        stage.running.notified().await;
        events.send(requested()).unwrap();
        drop(events);
    })
    .await;
    assert_eq!(run.outcome.held, [Worker::Camera]);
    assert_eq!(run.took, Undo::CloseCamera.row().deadline + KILL_DEADLINE);
    assert_eq!(stage.log().last().map(String::as_str), Some("destroy-peer"));
}

// Failure modes: V10, N14.
#[tokio::test(start_paused = true)]
async fn the_camera_is_closed_within_its_bound_even_if_every_undo_hangs() {
    let stage = Planted { hanging: HashSet::from(UNDOS), ..Planted::default() };
    let run = run(&stage, None, |events| async {
        stage.running.notified().await;
        events.send(requested()).unwrap();
        drop(events);
    })
    .await;
    let closed = run.timeline.entries().iter().rfind(|entry| entry.step == "close-camera").unwrap();
    let asked = run.timeline.entries()[12].asked_ms;
    assert!(closed.ended_ms.unwrap() - asked <= 4200.0, "{closed:?}");
    assert_eq!(run.outcome.unclean.len(), 7);
    assert_eq!(stage.log().iter().filter(|line| line.starts_with("kill")).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failing_step_is_the_cause_and_a_failing_undo_is_not() {
    let stage = Planted {
        failing: HashSet::from(["create-offer", "destroy-stream"]),
        ..Planted::default()
    };
    let run = run(&stage, None, |_| async {}).await;
    let Cause::StartFailed { step, fault } = run.outcome.cause else { panic!() };
    assert_eq!((step, fault.code), (Step::CreateOffer, FaultCode::CameraError));
    assert_eq!(run.outcome.unclean.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_its_time_is_up() {
    let stage = Planted::default();
    let limit = Duration::from_secs(90);
    let run = run(&stage, Some(limit), |_| async {}).await;
    assert_eq!(run.outcome.cause, Cause::Requested { by: StopReason::TimeLimit });
    assert_eq!(run.took, limit);
}

/// With two lanes a camera that hangs holds up no negotiation, a viewer that says nothing no camera;
/// whichever is late is the cause, and what the other lane has begun is undone with it.
#[tokio::test(start_paused = true)]
async fn of_two_lanes_neither_holds_up_the_other_and_both_are_undone() {
    let beside = CameraOpens::BesideNegotiation;
    let camera = Planted::hang("open-camera");
    let late = run_when(beside, &camera, None, |_| async {}).await;
    assert_eq!(late.outcome.cause, Cause::StartLate { step: Step::OpenCamera });
    assert_eq!(late.took, Step::OpenCamera.row().deadline);
    let log = camera.log();
    assert!(log.contains(&"await-connected".to_owned()), "{log:?}");
    assert!(!log.contains(&"create-stream".to_owned()), "{log:?}");
    let end = ["!open-camera", "close-camera", "destroy-data-channel", "destroy-peer"];
    assert_eq!(log[log.len() - 4..], end);

    let viewer = Planted::hang("await-answer");
    let late = run_when(beside, &viewer, None, |_| async {}).await;
    assert_eq!(late.outcome.cause, Cause::StartLate { step: Step::AwaitAnswer });
    let log = viewer.log();
    assert!(log.contains(&"create-stream".to_owned()), "{log:?}");
    assert_eq!(log[log.len() - 6..], UNDOS[1..], "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_abandons_what_is_in_progress_in_either_lane() {
    let hanging = HashSet::from(["create-source", "await-answer"]);
    let stage = Planted { hanging, ..Planted::default() };
    let stop = |events: mpsc::UnboundedSender<Event>| async move {
        tokio::time::advance(Duration::from_millis(1)).await;
        events.send(requested()).unwrap();
    };
    let run = run_when(CameraOpens::BesideNegotiation, &stage, None, stop).await;
    assert_eq!(run.outcome.cause, Cause::Requested { by: StopReason::Api });
    let mut abandoned: Vec<_> = run
        .timeline
        .entries()
        .iter()
        .filter(|entry| entry.result == StepResult::Abandoned)
        .map(|entry| entry.step.as_str())
        .collect();
    abandoned.sort_unstable();
    assert_eq!(abandoned, ["await-answer", "create-source"]);
}
