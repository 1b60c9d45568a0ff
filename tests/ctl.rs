// SPDX-License-Identifier: MIT OR Apache-2.0
//! shutterctl, as a person or a script meets it.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, and these are their helpers

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use shutterd::lifecycle::steps::{STEPS, UNDOS};

mod service;

use service::{DEMO, Service, UNHURRIED, offer};

fn shutterctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shutterctl")).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn started() -> Service {
    Service::start(&format!("{UNHURRIED}{DEMO}"))
}

/// Asks the service by its control socket; it must succeed.
fn ask(service: &Service, arguments: &[&str]) -> String {
    let socket = service.socket.to_str().unwrap();
    let output = shutterctl(&[&["--socket", socket], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", complaint(&output));
    text(&output)
}

fn ask_json(service: &Service, arguments: &[&str]) -> Value {
    serde_json::from_str(&ask(service, &[arguments, &["--json"]].concat())).unwrap()
}

#[tokio::test]
async fn a_session_from_its_start_to_its_timeline() {
    let service = started();
    assert!(ask(&service, &["status"]).contains("head    closed"));
    assert_eq!(ask_json(&service, &["cameras"])[0]["state"], "closed");
    assert_eq!(ask(&service, &["sessions"]).lines().count(), 1);

    let answer = service.offer("head", &offer("vp8")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.header("location").rsplit('/').next().unwrap().to_owned();
    let status = ask(&service, &["status"]);
    assert!(status.contains("head    open   -") && status.contains(&id), "{status}");

    // Nobody watches yet: no session runs, and the one that is named has sent nothing.
    assert_eq!(ask(&service, &["stats"]).lines().count(), 1);
    let figures = &ask_json(&service, &["stats", "last"])[0];
    assert_eq!((&figures["session"], &figures["frames"]), (&id.as_str().into(), &0.into()));
    let figures = ask(&service, &["stats", &id[..12]]);
    assert!(figures.lines().nth(1).unwrap().starts_with(&id), "{figures}");

    // By the beginning of its id, and it has ended when the command has.
    let said = ask(&service, &["stop", &id[..12]]);
    assert_eq!(said, format!("{id} ended: requested(api)\n"));
    assert_eq!(ask_json(&service, &["sessions"])[0]["phase"], "ended");
    assert!(ask(&service, &["status"]).contains("head    closed  closed"), "and observed so");
    let observed = &ask_json(&service, &["cameras"])[0]["observed"];
    assert_eq!((&observed["verdict"], &observed["driver"]), (&"closed".into(), &"unasked".into()));
    assert!(ask(&service, &["stop", "last"]).contains("ended: requested(api)"), "idempotent");
    assert_eq!(ask(&service, &["stop", "--all"]), "");

    // All 19 steps stand in the timeline, those that did not run too.
    let timeline = ask(&service, &["timeline", "last"]);
    for row in STEPS.iter().filter(|row| !row.name.contains("offer") || row.number == 7) {
        if ["create-offer", "await-answer", "set-remote-answer"].contains(&row.name) {
            assert!(!timeline.contains(row.name), "{timeline}");
        } else {
            assert!(timeline.contains(row.name), "{}: {timeline}", row.name);
        }
    }
    assert!(UNDOS.iter().all(|row| timeline.contains(row.name)), "{timeline}");
    assert_eq!(timeline.lines().filter(|line| line.starts_with(char::is_numeric)).count(), 19);
    let close = timeline.lines().find(|line| line.contains("close-camera")).unwrap();
    assert!(close.contains("done"), "{close}");
    assert_eq!(ask_json(&service, &["timeline", "last"])["session"]["id"], id.as_str());
}

#[tokio::test]
async fn watch_says_what_changes() {
    let service = started();
    let mut watch = Command::new(env!("CARGO_BIN_EXE_shutterctl"))
        .args(["watch", "--socket"])
        .arg(&service.socket)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert_eq!(lines.next().unwrap(), "camera head: closed, viewers 0");
    let answer = service.offer("head", &offer("vp8")).await;
    assert_eq!(answer.status, 201);
    assert!(lines.any(|line| line.starts_with("camera head: open,")));
    ask(&service, &["stop", "--all"]);
    assert!(lines.any(|line| line.contains("ended: requested(api)")));
    // The service goes away: that is said, with its own exit code.
    drop(service);
    assert_eq!(watch.wait().unwrap().code(), Some(69));
}

#[tokio::test]
async fn faults_are_said_with_their_remedy() {
    let service = started();
    let socket = service.socket.to_str().unwrap();
    let output = shutterctl(&["stop", "0123456789abcdef", "--socket", socket]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("shutterctl sessions --all"), "{}", complaint(&output));
    let output = shutterctl(&["timeline", "last", "--socket", socket]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("no session yet"));
}

#[tokio::test]
async fn the_control_socket_is_a_file_with_an_owner() {
    use std::os::unix::fs::PermissionsExt;
    let mut service = started();
    let mode = std::fs::metadata(&service.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    service.signal(rustix::process::Signal::TERM);
    assert!(service.ended().success());
    assert!(!service.socket.exists());
}

#[test]
fn without_a_service_it_says_which_socket_did_not_answer() {
    let output = shutterctl(&["status", "--socket", "/nowhere/control.sock"]);
    assert_eq!(output.status.code(), Some(69));
    assert!(complaint(&output).contains("/nowhere/control.sock"));
    assert!(output.stdout.is_empty());
}

#[test]
fn wrong_arguments_are_a_matter_of_usage() {
    for arguments in [
        &[][..],
        &["dance"],
        &["stop"],
        &["stop", "--all", "last"],
        &["timeline"],
        &["pipelines", "show", "no-such-board"],
        &["pipelines", "show", "demo", "--width", "641"],
    ] {
        assert_eq!(shutterctl(arguments).status.code(), Some(64), "{arguments:?}");
    }
    for arguments in [["--help"], ["--version"]] {
        assert_eq!(shutterctl(&arguments).status.code(), Some(0));
    }
}

#[test]
fn the_order_is_the_one_that_is_written() {
    let order = text(&shutterctl(&["order"]));
    for row in STEPS {
        let line = order.lines().find(|line| line.contains(row.name)).unwrap();
        assert!(line.contains(row.mlwebrtc) && line.contains(row.does), "{line}");
    }
    assert!(UNDOS.iter().all(|row| order.contains(row.name)));
    let order: Value = serde_json::from_str(&text(&shutterctl(&["order", "--json"]))).unwrap();
    assert_eq!(order["start"].as_array().unwrap().len(), STEPS.len());
    assert_eq!(order["end"][3]["step"], "close-camera");
    assert_eq!(order["end"][3]["deadline_ms"], 1000);
    assert_eq!(order["start"][7]["role"], "offerer");
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let mut order = Command::new(env!("CARGO_BIN_EXE_shutterctl"))
        .arg("order")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(order.stdout.take());
    let output = order.wait_with_output().unwrap();
    assert_eq!((output.status.code(), complaint(&output).as_str()), (Some(0), ""));
}

#[test]
fn pipeline_files_are_checked_as_data() {
    let line = text(&shutterctl(&["pipelines", "show", "demo", "--codec", "vp8", "--width", "64"]));
    assert!(line.starts_with("gst-launch-1.0 ") && line.contains("width=64,"), "{line}");
    assert!(text(&shutterctl(&["pipelines"])).contains("demo"));

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mine.toml");
    let demo = include_str!("../pipelines/demo.toml");
    std::fs::write(&file, demo).unwrap();
    let check = |path: &Path| shutterctl(&["pipelines", "check", path.to_str().unwrap()]);
    assert!(check(&file).status.success(), "{}", text(&check(&file)));
    std::fs::write(&file, demo.replace("name=encoder", "")).unwrap();
    let output = check(&file);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("mine.toml:"), "{}", text(&output));
    // A file that is not there is not the built-in board of its name.
    let output = check(&directory.path().join("demo.toml"));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    // Every board that the service would find.
    let here = directory.path().to_str().unwrap();
    let output = shutterctl(&["pipelines", "check", "--directory", here]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("demo: ok"), "{}", text(&output));
}
