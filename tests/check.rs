// SPDX-License-Identifier: MIT OR Apache-2.0
//! `shutterctl pipelines check --run`: boards that run, boards that do not, and whoever loses patience.
//! With a kernel's camera and encoder: tests/qemu/check.test.mjs and tests/qemu/cm4.test.mjs.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use shutterd::lifecycle::steps::UNDOS;
use shutterd::lifecycle::{CameraOpens, Plan, Role};

mod service;

use service::{DEMO, PATIENCE, UNHURRIED, children, gone};

/// A configuration and boards in a directory of their own.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new(config: &str) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        let pipelines = format!("pipelines = [{:?}]\n", bench.0.path());
        let config = config.strip_prefix("[media]\n").unwrap_or(config);
        let camera = if config.contains("[[camera]]") { "" } else { DEMO };
        let text = format!("[media]\n{pipelines}{config}{camera}");
        std::fs::write(bench.config(), text).unwrap();
        bench
    }

    /// A board whose pictures pass `element` on their way to the encoder.
    fn board(self, name: &str, element: &str) -> Self {
        let text = format!(
            "board = \"A board\"\ndevice = false\nneeds = [\"h264parse\", \"videotestsrc\", \"x264enc\"]\n\
            [video.h264]\nlaunch = \"videotestsrc name=camera is-live=true ! \
            video/x-raw,format=I420,width=${{width}},height=${{height}},framerate=${{framerate}}/1 ! \
            {element} ! x264enc name=encoder tune=zerolatency bframes=0 key-int-max=120 \
            bitrate=${{bitrate_kbit}} ! video/x-h264,profile=constrained-baseline ! h264parse\"\n"
        );
        let factory = element.split(' ').next().unwrap();
        let needs = format!("needs = [\"{factory}\", ");
        let text = text.replace("needs = [", &needs);
        std::fs::write(self.0.path().join(format!("{name}.toml")), text).unwrap();
        self
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("shutterd.toml")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shutterctl"));
        command
            .args(["pipelines", "check", "--run", "--config"])
            .arg(self.config())
            .args(["--socket", "/nowhere/control.sock"])
            .args(arguments)
            .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
            .env("SHUTTERD_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The only pipeline that was tried, and the exit code.
    fn tried(&self, arguments: &[&str]) -> (Value, Option<i32>) {
        let output = self.command(&[&["--json"], arguments].concat()).output().unwrap();
        only(&output)
    }

    /// Begins in a group of its own, as a shell has it begin.
    fn begun(&self, arguments: &[&str]) -> Child {
        self.command(&[&["--json"], arguments].concat()).process_group(0).spawn().unwrap()
    }
}

/// Waits until a camera worker has begun to make frames; all workers of that kind.
fn streaming(check: &Child) -> Vec<u32> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let workers: Vec<u32> =
            children(check.id()).into_iter().filter(|pid| streams(*pid)).collect();
        if !workers.is_empty() {
            return workers;
        }
        assert!(Instant::now() < deadline, "no worker streams");
        std::thread::yield_now();
    }
}

/// Whether a thread of it is a source's, which begins with `create-source`.
fn streams(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let names = threads.filter_map(|it| std::fs::read_to_string(it.path().join("comm")).ok());
    names.into_iter().any(|name| name.starts_with("camera:"))
}

fn only(output: &Output) -> (Value, Option<i32>) {
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(said.as_array().map(Vec::len), Some(1), "{said:#}");
    (said[0].clone(), output.status.code())
}

/// The results of a step; more than one where it was looked at once more.
fn results<'a>(tried: &'a Value, step: &str) -> Vec<&'a Value> {
    let steps = tried["steps"].as_array().unwrap().iter();
    let results: Vec<_> =
        steps.filter(|row| row["step"] == step).map(|row| &row["result"]).collect();
    assert!(!results.is_empty(), "{step}: {tried:#}");
    results
}

/// What was wrong, as codes.
fn codes(tried: &Value) -> Vec<&str> {
    let troubles = tried["troubles"].as_array().unwrap().iter();
    troubles
        .map(|trouble| {
            assert_ne!(trouble["remedy"].as_str().unwrap(), "");
            trouble["code"].as_str().unwrap()
        })
        .collect()
}

#[test]
fn a_board_that_runs_is_said_to_step_by_step() {
    let bench = Bench::new(UNHURRIED);
    let output = bench.command(&["demo", "--width", "320", "--height", "180"]).output().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // Each of its codecs: all 19 steps, those that need a viewer too.
    let mut rows: Vec<&str> = text.lines().filter(|l| l.starts_with(char::is_numeric)).collect();
    let plan = Plan::new(Role::Offerer, CameraOpens::BeforeOffer);
    let names = plan.order().iter().map(|step| step.name()).chain(UNDOS.iter().map(|row| row.name));
    let names: Vec<&str> = names.collect();
    assert_eq!(rows.pop(), Some("2 of 2 ran as they should"), "{text}");
    for (row, name) in rows.iter().zip(names.iter().chain(&names)) {
        assert_eq!(row.split_whitespace().nth(1), Some(*name), "{text}");
    }
    assert_eq!(rows.len(), 2 * 19, "{text}");
    assert_eq!(text.matches("needs a viewer").count(), 2 * 6, "{text}");
    assert_eq!(text.matches("the camera is closed").count(), 2, "{text}");
    assert!(text.contains("video/x-h264") && text.contains("320 180"), "{text}");
}

#[test]
fn the_configured_cameras_are_tried_with_the_configured_deadlines() {
    let camera = "[[camera]]\nname = \"rear\"\nboard = \"demo\"\nwidth = 320\nheight = 180\n";
    let bench = Bench::new(&format!("{UNHURRIED}{camera}"));
    let (tried, code) = bench.tried(&["--codec", "vp8"]);
    assert_eq!((code, &tried["ran"]), (Some(0), &true.into()), "{tried:#}");
    assert_eq!((&tried["camera"], &tried["codec"]), (&"rear".into(), &"vp8".into()));
    assert_eq!(codes(&tried), [""; 0]);
    let source = tried["steps"].as_array().unwrap().iter().find(|s| s["step"] == "create-source");
    assert_eq!(source.unwrap()["deadline_ms"], 20_000);
    assert!(source.unwrap()["took_ms"].as_f64().unwrap() > 0.0, "{tried:#}");
    assert_eq!(results(&tried, "await-answer"), [&Value::Null]);
    for undo in UNDOS.iter().filter(|row| row.name != "disable-tracks") {
        assert_eq!(results(&tried, undo.name), ["done"], "{tried:#}");
    }
    assert_eq!(tried["observed"]["verdict"], "closed");
}

#[test]
fn a_step_that_fails_has_its_code_and_what_to_do() {
    let bench = Bench::new(UNHURRIED)
        .board("lacking", "rocketfilter")
        .board("breaking", "identity error-after=1");
    let (tried, code) = bench.tried(&["lacking"]);
    assert_eq!((code, codes(&tried)), (Some(1), vec!["element-missing"]), "{tried:#}");
    assert_eq!(results(&tried, "open-camera"), ["failed"]);
    assert_eq!(results(&tried, "create-source"), [&Value::Null]);
    assert_eq!(results(&tried, "close-camera"), ["done"]);
    assert_eq!(tried["observed"]["verdict"], "closed");

    let (tried, code) = bench.tried(&["breaking"]);
    assert_eq!((code, codes(&tried)), (Some(1), vec!["camera-error"]), "{tried:#}");
    assert_eq!(tried["outcome"]["cause"]["step"], "create-source");
    assert_eq!(results(&tried, "close-camera"), ["done"]);
    // For a person: below its table.
    let output = bench.command(&["breaking"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\ncamera-error: create-source: ") && text.contains("\n  -> "), "{text}");
    assert!(text.ends_with("0 of 1 ran as they should\n"), "{text}");
}

#[test]
fn a_step_that_is_late_ends_and_a_worker_that_hangs_is_killed() {
    let impatient = UNHURRIED.replace("create-source = \"20s\"", "create-source = \"400ms\"");
    let bench = Bench::new(&impatient)
        .board("closed", "valve drop=true")
        .board("hanging", "identity sleep-time=100000000");
    let (tried, code) = bench.tried(&["closed"]);
    assert_eq!((code, codes(&tried)), (Some(1), vec!["late"]), "{tried:#}");
    assert_eq!(results(&tried, "create-source"), ["late"]);
    assert_eq!(results(&tried, "close-camera"), ["done"]);
    assert_eq!(tried["outcome"]["held"], Value::Array(Vec::new()));

    // Its state cannot change while a picture sleeps in it.
    let (tried, code) = bench.tried(&["hanging"]);
    assert_eq!((code, codes(&tried)), (Some(1), vec!["late", "late"]), "{tried:#}");
    assert_eq!(tried["outcome"]["unclean"][0]["undo"], "destroy-source");
    let close = tried["steps"].as_array().unwrap().iter().rfind(|s| s["step"] == "close-camera");
    assert_eq!(close.unwrap()["result"], "done", "{tried:#}");
    assert!(close.unwrap()["note"].as_str().unwrap().ends_with("signal 9"), "{tried:#}");
    assert_eq!(tried["outcome"]["held"], Value::Array(Vec::new()));
    assert_eq!(tried["observed"]["verdict"], "closed");
}

#[test]
fn a_worker_that_cannot_be_started_is_a_fault() {
    let bench = Bench::new("[media]\nworker = \"/nowhere/worker\"\n");
    let (tried, code) = bench.tried(&["demo", "--codec", "h264"]);
    assert_eq!((code, codes(&tried)), (Some(1), vec!["worker-unavailable"]), "{tried:#}");
}

#[test]
fn ctrl_c_closes_the_camera_in_order() {
    let bench = Bench::new(UNHURRIED).board("closed", "valve drop=true");
    let check = bench.begun(&["closed"]);
    let workers = streaming(&check);
    // As a terminal does: to everybody in its foreground.
    let group = Pid::from_child(&check);
    kill_process_group(group, Signal::INT).unwrap();
    let output = check.wait_with_output().unwrap();
    let (tried, code) = only(&output);
    assert_eq!((code, codes(&tried)), (Some(1), vec!["shutdown"]), "{tried:#}");
    assert_eq!(results(&tried, "create-source"), ["abandoned"]);
    for undo in ["destroy-source", "await-capture-stopped", "close-camera", "destroy-peer"] {
        assert_eq!(results(&tried, undo), ["done"], "{tried:#}");
    }
    assert_eq!(tried["observed"]["verdict"], "closed");
    workers.into_iter().for_each(gone);
}

#[test]
fn whoever_kills_it_closes_the_camera_too() {
    let bench = Bench::new(UNHURRIED).board("closed", "valve drop=true");
    let mut check = bench.begun(&["closed"]);
    let workers = streaming(&check);
    kill_process(Pid::from_child(&check), Signal::KILL).unwrap();
    check.wait().unwrap();
    let asked = Instant::now();
    workers.into_iter().for_each(gone);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[test]
fn what_cannot_be_tried_is_a_matter_of_usage() {
    let bench = Bench::new("").board("closed", "valve drop=true");
    for arguments in [
        &["no-such-board"][..],
        &["closed", "--codec", "vp8"],
        &["closed", "--width", "641"],
        // A configured camera has its own.
        &["--device", "/dev/video1"],
    ] {
        let output = bench.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty());
    }
    let without_run = Command::new(env!("CARGO_BIN_EXE_shutterctl"))
        .args(["pipelines", "check", "demo", "--width", "320"])
        .output();
    assert_eq!(without_run.unwrap().status.code(), Some(64));
    let mistaken = Bench::new("[http]\nlisten = 1\n");
    let output = mistaken.command(&[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("listen"));
}
