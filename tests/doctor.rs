// SPDX-License-Identifier: MIT OR Apache-2.0
//! `shutterctl doctor` on this machine: what it has, what it lacks, and what it says of that. With a
//! kernel's camera, light and systemd: tests/qemu/appliance.test.mjs.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

mod service;

use service::{DEMO, Service, UNHURRIED};

fn doctor(config: &Path, socket: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shutterctl"))
        .args(["doctor", "--config"])
        .arg(config)
        .arg("--socket")
        .arg(socket)
        .args(arguments)
        .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
        .output()
        .unwrap()
}

/// As JSON, with the exit code.
fn found(config: &Path, socket: &Path) -> (Value, Option<i32>) {
    let output = doctor(config, socket, &["--json"]);
    let said = serde_json::from_slice(&output.stdout);
    (said.unwrap_or_else(|error| panic!("{error}: {output:?}")), output.status.code())
}

/// The only finding about that: its level, and everything it says.
fn about<'a>(found: &'a Value, about: &str) -> (&'a str, String) {
    let findings = found["findings"].as_array().unwrap();
    let mut of = findings.iter().filter(|finding| finding["about"] == about);
    let finding = of.next().unwrap_or_else(|| panic!("nothing about {about}: {found:#}"));
    assert_eq!(of.next(), None);
    let remedy = finding["remedy"].as_str().unwrap_or_default();
    let says = format!("{}\n{remedy}", finding["says"].as_str().unwrap());
    (finding["level"].as_str().unwrap(), says)
}

/// A configuration in a directory of its own, and a socket at which nobody answers.
fn configured(text: &str) -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let (file, socket) = (directory.path().join("shutterd.toml"), directory.path().join("socket"));
    std::fs::write(&file, text).unwrap();
    (directory, file, socket)
}

#[test]
fn a_machine_without_anything_is_told_what_it_lacks() {
    let (_directory, file, socket) = configured(DEMO);
    let (found, code) = found(&file, &socket);
    assert_eq!(code, Some(0), "nothing that is configured fails: {found:#}");
    let (level, says) = about(&found, "service");
    assert!(level == "note" && says.contains("check that shutterd runs"), "{says}");
    let (level, says) = about(&found, "system bus");
    assert!(level == "note" && says.contains("no sleep waits"), "{says}");
    assert_eq!(about(&found, "configuration"), ("ok", format!("{}\n", file.display())));
    assert_eq!(about(&found, "board demo"), ("ok", "fits: h264, vp8\n".to_owned()));
    assert_eq!(about(&found, "camera head").0, "ok");
    let (level, says) = about(&found, "GStreamer");
    assert!(level == "ok" && says.starts_with("1."), "{says}");
    let encoders = found["inventory"]["encoders"].as_array().unwrap();
    let x264 = encoders.iter().find(|encoder| encoder["element"] == "x264enc").unwrap();
    assert_eq!(x264["hardware"], false);
    assert!(x264["controls"].as_array().unwrap().contains(&"bitrate".into()), "{x264}");
    assert!(about(&found, "encoders").1.contains("x264enc by the processor"));
}

#[test]
fn what_cannot_work_is_wrong_and_what_is_not_used_is_not() {
    let board = "board = \"A board\"\nneeds = [\"v4l2src\", \"rocketenc\", \"x264enc\"]\n\
        [video.h264]\nlaunch = \"v4l2src name=camera device=${device} ! rocketenc name=encoder\"\n\
        [video.vp8]\nlaunch = \"v4l2src name=camera device=${device} ! x264enc name=encoder\"\n";
    let camera = |board| {
        format!("[[camera]]\nname = \"head\"\nboard = \"{board}\"\ndevice = \"/dev/video-gone\"\n")
    };
    let (directory, file, socket) = configured("");
    let none = board
        .replace("x264enc", "rocketenc")
        .replace("\"rocketenc\", \"rocketenc\"", "\"rocketenc\"");
    for (name, text) in [("half", board), ("none", &none), ("torn", "board = ")] {
        std::fs::write(directory.path().join(format!("{name}.toml")), text).unwrap();
    }
    let media = format!("[media]\npipelines = [{:?}]\n", directory.path());

    std::fs::write(&file, format!("{media}{}", camera("none"))).unwrap();
    let (none, code) = found(&file, &socket);
    assert_eq!(code, Some(1));
    let (level, says) = about(&none, "board none");
    assert!(
        level == "wrong" && says.contains("h264 lacks rocketenc; vp8 lacks rocketenc"),
        "{says}"
    );
    let (level, says) = about(&none, "board half");
    assert!(level == "note" && says.starts_with("fits: vp8; h264 lacks rocketenc"), "{says}");
    let (level, says) = about(&none, "board torn");
    assert!(level == "note" && says.contains("torn.toml"), "{says}");
    let (level, says) = about(&none, "camera head");
    assert!(level == "wrong" && says.contains("/dev/video-gone"), "{says}");

    // For a person: the same, with what to do below each.
    let text = doctor(&file, &socket, &[]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("\nWRONG  camera head") && text.contains("\n         "), "{text}");
    assert!(text.lines().any(|line| line.trim_start().starts_with("-> ")), "{text}");
    assert!(text.trim_end().ends_with("to note"), "{text}");

    std::fs::write(&file, format!("[media]\nworker = \"/nowhere/worker\"\n{DEMO}")).unwrap();
    let (without, code) = found(&file, &socket);
    assert_eq!((code, &without["inventory"]), (Some(1), &Value::Null));
    let (level, says) = about(&without, "GStreamer");
    assert!(level == "wrong" && says.contains("/nowhere/worker"), "{says}");

    std::fs::write(&file, "[http]\nlisten = 1\n").unwrap();
    let (mistaken, code) = found(&file, &socket);
    assert_eq!((code, about(&mistaken, "configuration").0), (Some(1), "wrong"));
    assert!(about(&mistaken, "configuration").1.contains("listen"));
}

#[tokio::test]
async fn a_service_that_runs_is_asked_and_not_disturbed() {
    let service = Service::start(&format!("{UNHURRIED}{DEMO}"));
    let file = service.directory().join("shutterd.toml");
    let (found, code) = found(&file, &service.socket);
    assert_eq!(code, Some(0), "{found:#}");
    let (level, says) = about(&found, "service");
    assert_eq!((level, says), ("ok", format!("shutterd {} runs\n", env!("CARGO_PKG_VERSION"))));
    assert!(service.status().await.sessions.is_empty());
}
