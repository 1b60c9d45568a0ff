// SPDX-License-Identifier: MIT OR Apache-2.0
//! The service as an operator meets it, with real workers: what dies is noticed, what is asked
//! for ends, what cannot start says why, and nothing is left behind.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::collections::BTreeSet;
use std::process::Command;

use hyper::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process, set_child_subreaper};
use service::{DEMO, Service, UNHURRIED, gone, offer};
use shutterd::device::Verdict;
use shutterd::lifecycle::{Cause, FaultCode, Phase, Step, StopReason};
use shutterd::session::{CameraState, ServiceStatus};

mod service;

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
}

/// The cause of the last session.
fn cause(status: &ServiceStatus) -> &Cause {
    &status.sessions.last().unwrap().outcome.as_ref().unwrap().cause
}

/// Starts a session that is answered and never connects.
async fn waiting_session(service: &Service) -> String {
    let answer = service.offer("head", &offer("h264")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    service
        .until("waiting for the viewer", |status| {
            status.sessions.last().is_some_and(|s| s.step.as_deref() == Some("await-connected"))
        })
        .await;
    answer.header("location").to_owned()
}

/// The worker that did `step` of the session at `location`, from its timeline.
async fn worker(service: &Service, location: &str, step: &str) -> u32 {
    let id = location.rsplit('/').next().unwrap();
    let timeline = service.get(&format!("/api/v1/sessions/{id}/timeline")).await.json();
    let entries = timeline["entries"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["step"] == step).unwrap();
    let note = entry["note"].as_str().unwrap();
    note.strip_prefix("worker ").unwrap_or_else(|| panic!("{entry}")).parse().unwrap()
}

/// Waits until both spares are warm.
fn warm(service: &mut Service) {
    for _ in 0..2 {
        service.wait_for_log("worker is warm");
    }
}

// Failure modes: V8.
#[tokio::test]
async fn a_session_that_is_stopped_leaves_a_closed_camera_and_new_spares() {
    let mut service = Service::start(DEMO);
    warm(&mut service);
    let spares = service.workers();
    let location = waiting_session(&service).await;
    // The spares did the work: no process was started for it.
    let camera = worker(&service, &location, "open-camera").await;
    let peer = worker(&service, &location, "create-peer").await;
    for (pid, role) in &spares {
        assert_eq!(*pid, if role == "camera" { camera } else { peer });
    }
    let status = service.status().await;
    assert_eq!(status.cameras[0].state, CameraState::Open);

    let answer = service.request(Method::DELETE, &location, &[], "").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    // Answered when the camera is observed closed, not before.
    let status = service.status().await;
    assert_eq!(status.cameras[0].state, CameraState::Closed);
    assert_eq!(cause(&status), &Cause::Requested { by: StopReason::Viewer });
    assert_eq!(status.sessions[0].outcome.as_ref().unwrap().unclean, []);
    let observed = status.cameras[0].observed.as_ref().expect("the oracle has looked");
    assert_eq!(observed.verdict, Verdict::Closed, "{observed:?}");
    gone(camera);
    gone(peer);
    warm(&mut service);
    let mut roles: Vec<_> = service.workers().into_iter().map(|(_, role)| role).collect();
    roles.sort();
    assert_eq!(roles, ["camera", "peer"], "one new spare of each, and nothing else");
}

#[tokio::test]
async fn a_camera_worker_that_dies_ends_its_session_and_the_next_one_starts() {
    let service = Service::start(DEMO);
    let location = waiting_session(&service).await;
    kill(worker(&service, &location, "open-camera").await);
    let status = service.until_idle().await;
    let Cause::Lost { fault } = cause(&status) else { panic!("{status:?}") };
    assert_eq!(fault.code, FaultCode::WorkerGone);

    let location = waiting_session(&service).await;
    service.request(Method::DELETE, &location, &[], "").await;
    let status = service.until_idle().await;
    assert_eq!(cause(&status), &Cause::Requested { by: StopReason::Viewer });
}

#[tokio::test]
async fn a_peer_worker_that_dies_ends_its_session_alone() {
    let service = Service::start(DEMO);
    let location = waiting_session(&service).await;
    waiting_session(&service).await;
    kill(worker(&service, &location, "create-peer").await);
    let status = service
        .until("one ended", |status| status.sessions.iter().any(|s| s.phase == Phase::Ended))
        .await;
    assert_eq!(status.sessions[1].phase, Phase::Starting);
    assert_eq!(status.cameras[0].state, CameraState::Open, "kept for the other");
    let Cause::StartFailed { step, fault } = &status.sessions[0].outcome.as_ref().unwrap().cause
    else {
        panic!("{status:?}")
    };
    assert_eq!((*step, fault.code), (Step::AwaitConnected, FaultCode::WorkerGone));
}

#[tokio::test]
async fn workers_end_with_a_daemon_that_is_killed() {
    let mut service = Service::start(DEMO);
    warm(&mut service);
    waiting_session(&service).await;
    let workers = service.workers();
    assert!(workers.len() >= 2, "{workers:?}");
    service.signal(Signal::KILL);
    service.ended();
    for (pid, _) in workers {
        gone(pid);
    }
}

/// Waits until the process is stopped.
fn stopped(pid: u32) {
    let deadline = std::time::Instant::now() + service::PATIENCE;
    let is_stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.trim_start().starts_with('T')
    };
    while !is_stopped() {
        assert!(std::time::Instant::now() < deadline, "{pid} does not stop");
        std::thread::yield_now();
    }
}

// Failure modes: V11.
#[tokio::test]
async fn workers_that_were_frozen_when_the_daemon_died_are_ended_by_its_next_run() {
    let mut service = Service::start(DEMO);
    warm(&mut service);
    waiting_session(&service).await;
    let frozen = service.workers();
    // A group without a parent in its session is orphaned, and what is stopped in it is hung up on:
    // then there would be nobody left. What freezes in earnest is not woken by that.
    set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    for (pid, _) in &frozen {
        kill_process(Pid::from_raw((*pid).try_into().unwrap()).unwrap(), Signal::STOP).unwrap();
        stopped(*pid);
    }
    service.signal(Signal::KILL);
    // Another service, which has begun to live, leaves them alone.
    let mut other = Service::start(DEMO);
    other.wait_for_log("the camera is ");
    for (pid, _) in &frozen {
        stopped(*pid);
    }
    let mut service = service.again();
    for (pid, _) in &frozen {
        gone(*pid);
    }
    assert!(service.has_said("a worker of an earlier run").contains("is killed"));
    let location = waiting_session(&service).await;
    service.request(Method::DELETE, &location, &[], "").await;
    let status = service.until_idle().await;
    assert_eq!(cause(&status), &Cause::Requested { by: StopReason::Viewer });
}

// Failure modes: N13.
#[tokio::test]
async fn a_signal_ends_everything_in_order() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut service = Service::start(DEMO);
        waiting_session(&service).await;
        let workers = service.workers();
        service.signal(signal);
        assert_eq!(service.ended().code(), Some(0), "{signal:?}: {}", service.said());
        for (pid, _) in workers {
            gone(pid);
        }
        let said = service.said();
        let camera = said.find("state=Closed").expect("the camera is closed");
        let ended = said.find("session ended").expect("the session ended");
        assert!(camera < ended, "{said}");
        assert!(!service.socket.exists(), "the control socket is removed");
    }
}

#[tokio::test]
async fn whoever_waits_for_news_does_not_hold_up_the_end() {
    let mut service = Service::start(DEMO);
    let serial = service.status().await.serial;
    let path = format!("/api/v1/status?after={serial}");
    // As a viewer page does: it waits, and waits again at each answer.
    let asking = async {
        let ask = || service::request_to(service.address, Method::GET, &path, &[], "");
        let first = async { tokio::join!(ask(), async { service.signal(Signal::TERM) }).0 };
        let mut answer = first.await;
        while let Ok(answered) = answer {
            assert_eq!(answered.status, StatusCode::OK);
            answer = ask().await;
        }
    };
    tokio::time::timeout(service::PATIENCE, asking).await.expect("it ends");
    assert_eq!(service.ended().code(), Some(0));
    assert!(!service.said().contains("cut off"), "{}", service.said());
}

// Failure modes: V16.
#[tokio::test]
async fn a_worker_inherits_only_what_it_is_given() {
    let service = Service::start(DEMO);
    waiting_session(&service).await;
    let sockets = |pid: u32| -> BTreeSet<String> {
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        descriptors
            .filter_map(|fd| std::fs::read_link(fd.path()).ok()?.to_str().map(str::to_owned))
            .filter(|target| target.starts_with("socket:") || target.starts_with("pipe:"))
            .collect()
    };
    let log = std::fs::read_link(format!("/proc/{}/fd/2", service.pid())).unwrap();
    let ours = sockets(service.pid());
    assert!(ours.len() > 3, "listeners, control sockets: {ours:?}");
    let sacrifice = |pid: u32| -> i32 {
        let text = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
        text.trim().parse().unwrap()
    };
    for (pid, role) in service.workers() {
        assert!(sacrifice(pid) > sacrifice(service.pid()), "{role} goes first");
        let shared: Vec<_> = sockets(pid).intersection(&ours).cloned().collect();
        assert_eq!(shared, [log.to_str().unwrap()], "{role} shares more than the log");
    }
}

#[tokio::test]
async fn neither_the_daemon_nor_a_worker_is_given_huge_pages() {
    let mut service = Service::start(DEMO);
    warm(&mut service);
    let workers = service.workers();
    assert_eq!(workers.len(), 2, "{workers:?}");
    for pid in workers.iter().map(|(pid, _)| *pid).chain([service.pid()]) {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.contains("THP_enabled:\t0"), "{status}");
    }
}

// Failure modes: N2.
#[tokio::test]
async fn a_viewer_that_never_connects_is_given_up_in_time() {
    let service = Service::start(&format!("{DEMO}[deadlines]\nawait-connected = \"1s\"\n"));
    waiting_session(&service).await;
    let status = service.until_idle().await;
    assert_eq!(cause(&status), &Cause::StartLate { step: Step::AwaitConnected });
}

#[tokio::test]
async fn what_cannot_be_a_camera_is_refused_with_the_reason() {
    // What may be there later is 503; what the configuration must mend is 500.
    for (device, status, code) in [
        ("/dev/video-that-is-not-there", StatusCode::SERVICE_UNAVAILABLE, "camera-missing"),
        ("/dev/null", StatusCode::INTERNAL_SERVER_ERROR, "not-a-camera"),
        ("/etc/hostname", StatusCode::INTERNAL_SERVER_ERROR, "not-a-camera"),
    ] {
        let mut service = Service::start(&format!(
            "[[camera]]\nname = \"head\"\nboard = \"v4l2-software\"\ndevice = {device:?}\n"
        ));
        let answer = service.offer("head", &offer("h264")).await;
        assert_eq!(answer.status, status, "{device}: {answer:?}");
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{device}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(device), "{problem}");
        assert!(!problem["remedy"].as_str().unwrap().is_empty());
        service.until_idle().await;
        assert!(service.said().contains(code), "a log line names {code}");
        let observed = service.status().await.cameras.remove(0).observed.unwrap();
        assert_eq!(observed.verdict, Verdict::Absent, "{observed:?}");
    }
}

#[tokio::test]
async fn what_the_oracle_can_see_is_told_before_the_first_session() {
    let mut service = Service::start(&format!("{UNHURRIED}{DEMO}"));
    assert!(service.wait_for_log("the camera is ").contains("closed"));
    let seen = |status: &ServiceStatus| status.cameras[0].observed.is_some();
    service.until("the first look is published", seen).await;
}

#[tokio::test]
async fn the_watchdog_is_fed_and_systemd_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
    let config = directory.path().join("shutterd.toml");
    let control = directory.path().join("control.sock");
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[control]\nsocket = {control:?}\n\
         [journal]\nstorage = \"volatile\"\n{DEMO}"
    );
    std::fs::write(&config, text).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_shutterd"))
        .arg("--config")
        .arg(&config)
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "200000")
        .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
        .env_remove("WATCHDOG_PID")
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let hear = async |wanted: &str| {
        let mut heard = Vec::new();
        let listening = async {
            loop {
                let mut bytes = [0; 4096];
                let len = socket.recv(&mut bytes).await.unwrap();
                heard.push(String::from_utf8_lossy(&bytes[..len]).into_owned());
                if heard.last().unwrap().contains(wanted) {
                    return;
                }
            }
        };
        let late = tokio::time::timeout(service::PATIENCE, listening).await.is_err();
        assert!(!late, "{wanted} was not said, but {heard:?}");
    };
    hear("READY=1").await;
    hear("STATUS=head closed; no session").await;
    hear("WATCHDOG=1").await;
    hear("WATCHDOG=1").await;
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    hear("STOPPING=1").await;
    assert!(child.wait().unwrap().success());
}

#[test]
fn exit_codes_say_what_is_wrong() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_shutterd")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&["--no-such-option"]);
    assert_eq!(code, Some(64), "{said}");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bad.toml");
    std::fs::write(&file, "[http]\nlisten = 3\nlissten = 4\n").unwrap();
    let (code, said) = run(&["--config", file.to_str().unwrap()]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("bad.toml:2") && said.contains("bad.toml:3"), "{said}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = directory.path().join("control.sock");
    let text = format!(
        "[http]\nlisten = \"{}\"\n[control]\nsocket = {socket:?}\n{DEMO}",
        taken.local_addr().unwrap()
    );
    std::fs::write(&file, text).unwrap();
    let (code, said) = run(&["--config", file.to_str().unwrap()]);
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("cannot listen on"), "{said}");
}
