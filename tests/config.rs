// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration as a user meets it: files, variables, one report, one plan.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, and these are their helpers

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shutterd::config::document::Source;
use shutterd::config::{Config, ConfigReport, InputCode, Led, Means, ShutWhen};
use shutterd::lifecycle::{CameraOpens, Step, Undo};
use shutterd::pipeline;
use shutterd::wire::Codec;

#[path = "config/mistakes.rs"]
mod mistakes;

const EXAMPLE: &str = r#"
[http]
listen = "0.0.0.0:8787"
allowed-origins = ["https://panel.example"]
[journal]
directory = "/data/shutterd"
max-size = "512K"
[media]
worker = "/opt/shutter-media"
prewarm = false
[[camera]]
name = "head"
device = "/dev/shutterd/head"
led = "white:privacy"
board = "v4l2-software"
framerate = 60
camera-opens = "after-connected"
reopen-within = "1m"
recover = ["/usr/libexec/rebind", "head"]
[[camera]]
name = "test"
board = "demo"
width = 640
height = 360
bitrate = 800_000
max-viewers = 2
codecs = ["vp8", "h264"]
[sleep]
cameras = "ignore"
[[switch]]
name = "cover"
device = "/dev/input/by-path/platform-gpio-keys-event"
cameras = ["head"]
[[switch]]
name = "off-head"
means = "worn"
event = "SW_TABLET_MODE"
delay = "2s"
[[switch]]
name = "privacy"
means = "privacy"
event = "KEY_588"
shut = "toggle"
[session]
max-duration = "1h"
[deadlines]
open-camera = "5s"
destroy-source = "500ms"
[webrtc]
ice-servers = ["stun:stun.example:3478", "turn:device:secret@turn.example:3478"]
"#;

/// `SW_CAMERA_LENS_COVER`
const LENS_COVER: InputCode = InputCode::Switch(9);

fn report(text: &str) -> Vec<String> {
    match Config::from_text(text) {
        Ok(_) => Vec::new(),
        Err(report) => report.to_string().lines().map(str::to_owned).collect(),
    }
}

/// One camera that has nothing wrong, and `more`.
fn with_camera(more: &str) -> String {
    format!("[[camera]]\nname = \"a\"\nboard = \"demo\"\n{more}")
}

fn env(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn from_env(variables: &[(&str, &str)]) -> Result<Config, ConfigReport> {
    Config::from_sources(&[], env(variables), &|dirs, name| pipeline::load(dirs, name))
}

#[test]
fn every_key_arrives() {
    let config = Config::from_text(EXAMPLE).unwrap();
    assert_eq!(config.http.listen.to_string(), "0.0.0.0:8787");
    assert_eq!(config.http.allowed_origins, ["https://panel.example"]);
    let journal = config.journal.as_ref().unwrap();
    assert_eq!(journal.directory, Path::new("/data/shutterd"));
    assert_eq!(journal.max_size, 512 * 1024);
    assert_eq!(config.media.worker.as_deref(), Some(Path::new("/opt/shutter-media")));
    assert!(!config.media.prewarm);
    let head = config.camera("head").unwrap();
    assert_eq!(head.device.as_deref(), Some(Path::new("/dev/shutterd/head")));
    assert_eq!(head.led, Led::Named("white:privacy".into()));
    assert_eq!((head.width, head.height, head.framerate), (1280, 720, 60));
    assert_eq!(head.bitrate, 3_900_000, "0.07 bit per pixel, rounded up");
    assert_eq!(head.camera_opens, CameraOpens::AfterConnected);
    assert_eq!(head.reopen_within, Duration::from_secs(60));
    assert_eq!(head.recover, ["/usr/libexec/rebind", "head"]);
    assert_eq!(head.board.codecs(), [Codec::H264, Codec::Vp8]);
    let test = config.camera("test").unwrap();
    assert_eq!((test.bitrate, test.max_viewers), (800_000, 2));
    assert_eq!(test.codecs, [Codec::Vp8, Codec::H264]);
    assert_eq!(head.codecs, head.board.codecs(), "all that its board has");
    assert!(!config.closes_for_sleep);
    let [cover, worn, privacy] = config.switches.as_slice() else { panic!("three switches") };
    assert_eq!(
        (cover.means, cover.event, cover.shut),
        (Means::LensCover, LENS_COVER, ShutWhen::On)
    );
    assert!(cover.device.is_some() && cover.delay.is_zero() && cover.cameras == ["head"]);
    assert_eq!(
        (worn.means, worn.event, worn.shut),
        (Means::Worn, InputCode::Switch(1), ShutWhen::Off)
    );
    assert_eq!((worn.device.as_ref(), worn.delay), (None, Duration::from_secs(2)));
    assert_eq!((privacy.event, privacy.shut), (InputCode::Key(588), ShutWhen::Toggle));
    assert_eq!(config.session.max_duration, Some(Duration::from_secs(3600)));
    assert_eq!(config.deadlines.step(Step::OpenCamera), Duration::from_secs(5));
    assert_eq!(config.deadlines.undo(Undo::DestroySource), Duration::from_millis(500));
    assert_eq!(config.deadlines.undo(Undo::DestroyPeer), Undo::DestroyPeer.row().deadline);
    assert_eq!(config.webrtc.ice_servers.len(), 2);
}

#[test]
fn nothing_written_is_the_demo() {
    let config = from_env(&[]).unwrap();
    let [camera] = config.cameras.as_slice() else { panic!("{:?}", config.cameras) };
    assert_eq!((camera.name.as_str(), camera.board.name()), ("head", "demo"));
    assert_eq!(camera.device, None);
    assert!(config.http.listen.ip().is_loopback());
    let journal = config.journal.as_ref().unwrap();
    assert_eq!(journal.directory, Path::new("/var/lib/shutterd"));
    assert_eq!(journal.max_size, 8 * 1024 * 1024);
    assert!(config.closes_for_sleep);
    let [switch] = config.switches.as_slice() else { panic!("{:?}", config.switches) };
    assert_eq!((switch.event, switch.device.as_ref()), (LENS_COVER, None));
    assert_eq!(config.session.max_duration, None);
    assert!(config.webrtc.ice_servers.is_empty());
    assert!(config.plan_text().contains("built-in default"));
}

#[test]
fn a_volatile_journal_has_no_directory() {
    let text = with_camera("[journal]\nstorage = \"volatile\"\ndirectory = \"/data\"\n");
    let config = Config::from_text(&text).unwrap();
    assert_eq!(config.journal, None);
    assert!(config.plan_text().contains("journal     in memory only\n"));
}

#[test]
fn variables_are_the_last_word() {
    let text = with_camera("[http]\nlisten = \"127.0.0.1:1\"\n");
    let variables = env(&[
        ("SHUTTERD_HTTP_LISTEN", "127.0.0.1:2"),
        ("SHUTTERD_SESSION_MAX_DURATION", "10s"),
        ("SHUTTERD_WEBRTC_ICE_SERVERS", "stun:a:1, stun:b:2"),
        ("SHUTTERD_LOG", "debug"),
        ("HOME", "/"),
    ]);
    let config = Config::from_sources(&[Source::new("main", text)], variables, &|dirs, name| {
        pipeline::load(dirs, name)
    })
    .unwrap();
    assert_eq!(config.http.listen.port(), 2);
    assert_eq!(config.session.max_duration, Some(Duration::from_secs(10)));
    assert_eq!(config.webrtc.ice_servers, ["stun:a:1", "stun:b:2"]);
    assert_eq!(config.sources[..2], ["main", "environment SHUTTERD_HTTP_LISTEN"]);

    let found = from_env(&[("SHUTTERD_HTTP_LISTN", "x"), ("SHUTTERD_SESSION_MAX_DURATION", "1")]);
    let found = found.unwrap_err().to_string();
    let nearest = "environment SHUTTERD_HTTP_LISTN: unknown variable; the nearest known variable is `SHUTTERD_HTTP_LISTEN`";
    assert!(found.contains(nearest), "{found}");
    assert!(found.contains("environment SHUTTERD_SESSION_MAX_DURATION: session.max-duration"));
}

#[test]
fn files_are_read_in_order_and_boards_from_the_directories() {
    let dir = tempfile::tempdir().unwrap();
    let main = dir.path().join("main.toml");
    let boards = dir.path().join("boards");
    let conf = dir.path().join("conf.d");
    fs::create_dir_all(&boards).unwrap();
    fs::create_dir_all(&conf).unwrap();
    let own = pipeline::BUILT_IN[0].1.replace("board = \"Demo", "board = \"Own");
    fs::write(boards.join("demo.toml"), own).unwrap();
    let pipelines = format!("[media]\npipelines = [\"{}\"]\n", boards.display());
    fs::write(&main, with_camera(&format!("[http]\nlisten = \"127.0.0.1:1\"\n{pipelines}")))
        .unwrap();
    fs::write(conf.join("20.toml"), "[http]\nlisten = \"127.0.0.1:20\"\n").unwrap();
    fs::write(conf.join("10.toml"), "[http]\nlisten = \"127.0.0.1:10\"\n").unwrap();
    fs::write(conf.join("30.toml.bak"), "not read").unwrap();

    let config = Config::load(Some(&main), []).unwrap();
    assert_eq!(config.http.listen.port(), 20);
    assert!(config.cameras[0].board.title().starts_with("Own"));
    assert_eq!(config.sources.len(), 3);

    // A mistake in a board file that two cameras use is in the same report, once.
    fs::write(boards.join("demo.toml"), "board = 3\n").unwrap();
    fs::write(conf.join("20.toml"), "[[camera]]\nname = \"b\"\nboard = \"demo\"\nx = 1\n").unwrap();
    let found = Config::load(Some(&main), []).unwrap_err().to_string();
    let lines: Vec<&str> = found.lines().collect();
    assert!(lines[0].contains("20.toml:4: camera.x: unknown key"), "{found}");
    assert!(lines[1].contains("boards/demo.toml:1: board: is a number, not a string"), "{found}");
    assert!(lines[2].contains("boards/demo.toml: video: has no pipeline"), "{found}");
    assert_eq!(lines.len(), 3, "{found}");
}

/// A description that waits for no camera is written from what the board promises of it.
#[test]
fn the_camera_opens_beside_the_negotiation_where_the_board_promises_a_profile() {
    let dir = tempfile::tempdir().unwrap();
    let main = dir.path().join("main.toml");
    let promise = "promise = { profile-level-id = \"42e01f\" }\n";
    let load = |board: &str, setting: &str| {
        fs::write(dir.path().join("demo.toml"), board).unwrap();
        let pipelines = format!("[media]\npipelines = [\"{}\"]\n", dir.path().display());
        fs::write(&main, with_camera(&format!("{setting}{pipelines}"))).unwrap();
        Config::load(Some(&main), []).map(|config| config.cameras[0].camera_opens)
    };
    let (promises, silent) =
        (pipeline::BUILT_IN[0].1, pipeline::BUILT_IN[0].1.replace(promise, ""));
    assert_ne!(promises, silent);
    assert_eq!(load(promises, "").unwrap(), CameraOpens::BesideNegotiation);
    assert_eq!(load(&silent, "").unwrap(), CameraOpens::BeforeOffer);
    let before = "camera-opens = \"before-offer\"\n";
    assert_eq!(load(promises, before).unwrap(), CameraOpens::BeforeOffer);
    let beside = "camera-opens = \"beside-negotiation\"\n";
    let refused = load(&silent, beside).unwrap_err().to_string();
    assert!(refused.contains("does not say what its H.264 will be"), "{refused}");
}

#[test]
fn a_named_file_must_be_there() {
    let found = Config::load(Some(Path::new("/nonexistent/shutterd.toml")), []).unwrap_err();
    let found = found.to_string();
    assert!(found.starts_with("/nonexistent/shutterd.toml: cannot be read: "), "{found}");
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn the_plan_is_the_written_one() {
    let plan = Config::from_text(EXAMPLE).unwrap().plan_text();
    assert!(!plan.contains("secret"), "{plan}");
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/plan.txt");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&golden, &plan).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap();
    assert_eq!(plan, expected, "BLESS=1 cargo test --test config writes it anew");
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_configuration_or_a_report(
        text in "(?s).{0,120}",
        keys in r#"(\[{1,2}(http|camera|deadlines|x)\]{1,2}\n|(listen|name|width|camera) ?= ?("[a-z0-9:.]*"|[0-9-]{1,22}|\[1\]|\{\}|true)\n){0,8}"#,
    ) {
        for text in [text, keys] {
            if let Err(report) = Config::from_text(&text) {
                proptest::prop_assert!(!report.is_empty());
            }
        }
    }
}
