// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong in a configuration: all of it is said, with its line and what to write instead.

use std::time::Duration;

use shutterd::config::{Config, Led};

use super::{report, with_camera};

#[test]
fn every_mistake_is_in_one_report_with_its_line() {
    let found = report(
        r#"[http]
listen = "localhost"
listn = 1
[[camera]]
name = "Head"
device = "video0"
board = "v4l2-software"
width = 641
framerate = 0
max-viewers = 0
bitrate = "fast"
recover = ["rebind"]
[[camera]]
name = "a"
board = "cm4"
[session]
max-duration = "2 parsecs"
[deadlines]
open-kamera = "2s"
open-camera = 2
[camra]
[control]
socket = "run.sock"
[journal]
storage = "persistant"
max-size = "1K"
max-siez = "1M"
"#,
    );
    let expected = [
        ":2: http.listen: `localhost` is not an IP address with a port; write the IP address",
        ":3: http.listn: unknown key; the nearest known key is `listen`",
        ":5: camera.name: `Head` has characters",
        ":6: camera.device: `video0` is not an absolute path",
        ":8: camera.width: 641 is odd, and colour has half the pixels; write 640 or 642",
        ":9: camera.framerate: 0 is not within 1 to 240; write frames per second",
        ":10: camera.max-viewers: 0 is not within 1 to 64",
        ":11: camera.bitrate: is a string, not a whole number",
        ":12: camera.recover: `rebind` is not an absolute path; write the command's absolute path",
        ":15: camera.board: there is no board file `cm4.toml`; write one of demo, v4l2-software",
        ":17: session.max-duration: `2 parsecs` is not a duration",
        ":19: deadlines.open-kamera: unknown key; the nearest known key is `open-camera`",
        ":20: deadlines.open-camera: is a number, not a duration in quotes",
        ":21: camra: unknown key; the nearest known key is `camera`",
        ":23: control.socket: `run.sock` is not an absolute path",
        ":25: journal.storage: `persistant` is none of persistent, volatile; did you mean",
        ":26: journal.max-size: 1K is not within 256K to 64M; write how large",
        ":27: journal.max-siez: unknown key; the nearest known key is `max-size`",
    ];
    for expected in expected {
        let expected = format!("shutterd.toml{expected}");
        assert!(found.iter().any(|line| line.starts_with(&expected)), "{expected}\nin {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for line in found {
        assert!(line.contains("; "), "says what to write instead: {line}");
    }
}

#[test]
fn contradictions_are_found() {
    for (text, wrong) in [
        ("", "no camera is configured"),
        ("[[camera]]\nname = \"a\"\n", ":1: camera.board: is missing"),
        ("[[camera]]\nboard = \"demo\"\n", ":1: camera.name: is missing"),
        (
            &with_camera("[[camera]]\nname = \"a\"\nboard = \"demo\"\n"),
            ":5: camera.name: `a` is taken",
        ),
        (
            &with_camera("device = \"/dev/video0\"\n"),
            ":4: camera.device: board `demo` opens no node",
        ),
        ("[[camera]]\nname = \"a\"\nboard = \"v4l2-software\"\n", "camera.device: is missing"),
        (
            "[[camera]]\nname = \"a\"\nboard = \"v4l2-software\"\ndevice = \"/dev/video0\"\n\
             [[camera]]\nname = \"b\"\nboard = \"v4l2-software\"\ndevice = \"/dev/video0\"\n",
            ":8: camera.device: `/dev/video0` is taken by the camera of shutterd.toml:4",
        ),
        (&with_camera("led = \"x\"\n"), ":4: camera.led: board `demo` opens no node"),
        (&with_camera("led = \"../x\"\n"), ":4: camera.led: `../x` has characters"),
        (
            "[[camera]]\nname = \"a\"\nboard = \"v4l2-software\"\ndevice = \"/dev/video0\"\n\
             led = \"x\"\n[[camera]]\nname = \"b\"\nboard = \"v4l2-software\"\n\
             device = \"/dev/video1\"\nled = \"x\"\n",
            ":10: camera.led: `x` is taken by the camera of shutterd.toml:5",
        ),
        (
            &with_camera("codecs = [\"h265\"]\n"),
            ":4: camera.codecs: board `demo` has no pipeline for h265; write some of h264, vp8, each once",
        ),
        (&with_camera("codecs = []\n"), ":4: camera.codecs: is empty"),
        (&with_camera("codecs = [\"vp8\", \"vp8\"]\n"), ":4: camera.codecs: has vp8 twice"),
        (
            &with_camera("codecs = [\"av1\"]\n"),
            ":4: camera.codecs: `av1` is none of h264, h265, vp8",
        ),
        (&with_camera("[session]\nmax-duration = \"1ms\"\n"), "too short"),
        (&with_camera("[deadlines]\nclose-camera = \"1100ms\"\n"), ":5: deadlines.close-camera"),
        (&with_camera("[[switch]]\nmeans = \"privacy\"\n"), ":4: switch.name: is missing"),
        (
            &with_camera("[[switch]]\nname = \"a\"\nmeans = \"privacy\"\n"),
            ":4: switch.event: is missing; write the kernel's name",
        ),
        (
            &with_camera("[[switch]]\nname = \"a\"\n[[switch]]\nname = \"a\"\n"),
            ":7: switch.name: `a` is taken by the switch of shutterd.toml:5",
        ),
        (
            &with_camera("[[switch]]\nname = \"a\"\ncameras = [\"b\"]\n"),
            ":6: switch.cameras: there is no camera `b`",
        ),
        (
            &with_camera("[[switch]]\nname = \"a\"\nshut = \"toggle\"\n"),
            ":6: switch.shut: a switch stays where it is put",
        ),
        (
            &with_camera("[[switch]]\nname = \"a\"\nevent = \"SW_NONE\"\n"),
            ":6: switch.event: `SW_NONE` is no switch or key of the kernel",
        ),
        (
            &with_camera("[[switch]]\nname = \"a\"\ndevice = \"event0\"\n"),
            ":6: switch.device: `event0` is not an absolute path",
        ),
        ("camera = 3\n", ":1: camera: is an integer, not a section; write `[[camera]]`"),
        (&with_camera("[http]\nframerate = 3\n"), "`framerate` belongs to `[[camera]]`"),
    ] {
        let found = report(text);
        assert!(found.iter().any(|line| line.contains(wrong)), "{wrong}\nin {found:#?}");
    }
}

#[test]
fn an_led_is_found_named_or_none() {
    let led =
        |written: &str| Config::from_text(&with_camera(written)).unwrap().cameras[0].led.clone();
    assert_eq!(led(""), Led::Auto);
    assert_eq!(led("led = \"auto\"\n"), Led::Auto);
    assert_eq!(led("led = \"none\"\n"), Led::None);
    let two = "led = \"auto\"\n[[camera]]\nname = \"b\"\nboard = \"demo\"\nled = \"auto\"\n";
    assert_eq!(led(two), Led::Auto, "every camera may look for its own");
}

#[test]
fn a_camera_step_may_borrow_from_another_but_not_from_the_promise() {
    let lent = "[deadlines]\nclose-camera = \"1500ms\"\ndestroy-source = \"500ms\"\n";
    let config = Config::from_text(&with_camera(lent)).unwrap();
    assert_eq!(config.deadlines.close_bound(), Duration::from_millis(3200));
    let peer = "[deadlines]\ndestroy-peer = \"10s\"\n";
    assert!(Config::from_text(&with_camera(peer)).is_ok(), "the camera does not wait for it");
}

#[test]
fn what_is_not_toml_is_reported_beside_the_rest() {
    let found = report(&with_camera("width = \n[http]\nlistn = 1\n"));
    assert!(found.iter().any(|line| line.contains(":4: not TOML")), "{found:#?}");
    assert!(found.iter().any(|line| line.contains(":6: http.listn")), "{found:#?}");
}
