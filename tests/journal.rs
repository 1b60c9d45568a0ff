// SPDX-License-Identifier: MIT OR Apache-2.0
//! The journal as an operator meets it: sessions that outlive the service that had them, and a
//! disk that does not do its part.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use hyper::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::Value;
use service::{DEMO, Service, UNHURRIED, offer};

mod service;

fn kept_in(directory: &Path) -> String {
    format!("{UNHURRIED}{DEMO}[journal]\ndirectory = {directory:?}\n")
}

/// Starts a session that is answered and never connects; its id.
async fn begun(service: &Service) -> String {
    let answer = service.offer("head", &offer("vp8")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.header("location").rsplit('/').next().unwrap().to_owned()
}

/// A session from its start to its end; its id.
async fn ended(service: &Service) -> String {
    let id = begun(service).await;
    let path = format!("/api/v1/sessions/{id}");
    let answer = service.request(Method::DELETE, &path, &[], "").await;
    assert_eq!(answer.json()["phase"], "ended", "{answer:?}");
    id
}

async fn timeline(service: &Service, id: &str) -> Value {
    let answer = service.get(&format!("/api/v1/sessions/{id}/timeline")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()
}

fn ask(service: &Service, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_shutterctl"))
        .arg("--socket")
        .arg(&service.socket)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The line of the log that contains `text`, said before or not.
fn said(service: &mut Service, text: &str) -> String {
    let said = service.said();
    let line = said.lines().find(|line| line.contains(text)).map(str::to_owned);
    line.unwrap_or_else(|| service.wait_for_log(text))
}

/// Waits until that is written.
fn kept(service: &mut Service, session: &str, phase: &str) {
    said(service, &format!("kept in the journal session={session} phase={phase}"));
}

/// The lines of the journal's files in `directory`, oldest first.
fn lines(directory: &Path) -> Vec<Value> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let lines = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.filter_map(|line| serde_json::from_str(&line).ok()).collect()
}

#[tokio::test]
async fn sessions_outlive_a_service_that_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let config = kept_in(directory.path());
    let mut service = Service::start(&config);
    let first = ended(&service).await;
    let whole = timeline(&service, &first).await;
    kept(&mut service, &first, "Ended");
    let second = begun(&service).await;
    kept(&mut service, &second, "Starting");
    service.signal(Signal::KILL);
    service.ended();
    // The power goes while a line is written.
    let file = directory.path().join("journal-00000001.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(file.metadata().unwrap().mode() & 0o137, 0, "it names who asked");
    fs::write(&file, text + "{\"session\":{\"id\":\"").unwrap();

    let mut service = Service::start(&config);
    let line = said(&mut service, "interrupted: the service was killed");
    assert!(line.contains(&second), "{line}");
    assert!(service.said().contains("unreadable lines of the session journal are skipped lines=1"));
    assert_eq!(timeline(&service, &first).await, whole);
    let interrupted = timeline(&service, &second).await;
    assert_eq!(interrupted["session"]["phase"], "ended");
    let cause = &interrupted["session"]["outcome"]["cause"];
    assert_eq!((&cause["kind"], &cause["fault"]["code"]), (&"lost".into(), &"interrupted".into()));

    // The new run counts anew, and comes first.
    let third = ended(&service).await;
    let ids = |answer: Value| -> Vec<String> {
        let sessions = answer["sessions"].as_array().unwrap().iter();
        sessions.map(|session| session["id"].as_str().unwrap().to_owned()).collect()
    };
    let journal = service.get("/api/v1/journal").await.json();
    assert_eq!(journal["sessions"][0]["generation"], 1);
    assert_ne!(journal["sessions"][0]["run"], journal["sessions"][1]["run"]);
    assert_eq!(ids(journal), [&*third, &*second, &*first]);
    assert_eq!(ids(service.get("/api/v1/journal?limit=2").await.json()), [&*third, &*second]);
    assert_eq!(service.get("/api/v1/journal?limit=x").await.status, StatusCode::BAD_REQUEST);

    // To stop one that has ended is no mistake; its figures are gone.
    let path = format!("/api/v1/sessions/{first}");
    let stopped = service.request(Method::DELETE, &path, &[], "").await;
    assert_eq!(stopped.json(), whole["session"]);
    assert_eq!(service.get(&path).await.json(), whole["session"]);
    assert_eq!(service.get(&format!("{path}/stats")).await.status, StatusCode::NOT_FOUND);
    let unknown = service.get("/api/v1/sessions/0123456789abcdef/timeline").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);

    // In order, this time: nothing was interrupted.
    service.signal(Signal::TERM);
    assert!(service.ended().success());
    let mut service = Service::start(&config);
    let timeline = ask(&service, &["timeline", "last"]);
    assert!(timeline.contains(&third) && timeline.contains("ended: requested(api)"), "{timeline}");
    let timeline = ask(&service, &["timeline", &second[..12]]);
    assert!(timeline.contains("ended: lost(interrupted: "), "{timeline}");
    let all = ask(&service, &["sessions", "--all"]);
    let listed: Vec<&str> = all.lines().skip(1).filter_map(|l| l.split(' ').next()).collect();
    assert_eq!(listed, [&first, &second, &third]);
    let all: Value =
        serde_json::from_str(&ask(&service, &["sessions", "--all", "--json"])).unwrap();
    assert_eq!(all[0], whole["session"]);
    assert_eq!(ask(&service, &["sessions"]).lines().count(), 1, "none of this run");
    assert!(!service.said().contains("interrupted: the service was killed"));
}

/// The service, with a file system of its own for its journal, which `options` describe.
fn on_file_system(options: &str, directory: &Path) -> Service {
    let mut command = Command::new("unshare");
    let mount = format!("mount -t tmpfs -o {options} none \"$0\" && exec \"$@\"");
    command.args(["--map-root-user", "--mount", "sh", "-c", &mount]);
    command.arg(directory).arg(env!("CARGO_BIN_EXE_shutterd"));
    Service::start_by(command, &kept_in(directory))
}

#[tokio::test]
async fn a_full_disk_costs_no_session_and_no_record() {
    let directory = tempfile::tempdir().unwrap();
    let mut service = on_file_system("size=128k", directory.path());
    // As the service sees it.
    let root = PathBuf::from(format!("/proc/{}/root", service.pid()));
    let mounted = root.join(directory.path().strip_prefix("/").unwrap());
    let first = ended(&service).await;
    kept(&mut service, &first, "Ended");
    let ballast = mounted.join("ballast");
    assert!(fs::write(&ballast, [0; 256 << 10]).is_err(), "the disk is full");

    let second = ended(&service).await;
    let line = said(&mut service, "sessions are not kept in");
    assert!(line.contains("No space left") && line.contains("make room"), "{line}");
    let third = ended(&service).await;
    assert_eq!(service.said().matches("sessions are not kept in").count(), 1);

    fs::remove_file(&ballast).unwrap();
    let fourth = ended(&service).await;
    kept(&mut service, &fourth, "Ended");
    said(&mut service, "the session journal is written again");
    let lines = lines(&mounted);
    for id in [first, second, third, fourth] {
        let last = lines.iter().rfind(|line| line["session"]["id"] == *id).unwrap();
        assert_eq!(last["session"]["phase"], "ended", "{last}");
    }
}

#[tokio::test]
async fn where_nothing_can_be_written_it_is_said_once_and_sessions_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let read_only = on_file_system("ro", directory.path());
    let nowhere = Service::start(&kept_in(Path::new("/proc/shutterd")));
    for mut service in [read_only, nowhere] {
        let sessions = [ended(&service).await, ended(&service).await];
        let line = said(&mut service, "sessions are not kept in");
        assert!(line.contains("StateDirectory=shutterd"), "{line}");
        // What the service remembers is there in any case.
        let last = ask(&service, &["timeline", "last"]);
        assert!(last.contains(&sessions[1]), "{last}");
        assert_eq!(ask(&service, &["sessions", "--all"]).lines().count(), 3);
        service.signal(Signal::TERM);
        assert!(service.ended().success());
        let said = service.said();
        assert_eq!(said.matches("sessions are not kept in").count(), 1, "{said}");
        assert!(said.contains("sessions are lost: they were not kept"), "{said}");
    }
}
