// SPDX-License-Identifier: MIT OR Apache-2.0
//! Board files: every check, and that filling in never changes what a text says.

use std::path::PathBuf;

use proptest::prelude::*;

use super::tokens::{Placed, Token, tokens};
use super::{BUILT_IN, Board, Values, check_device};
use crate::wire::Codec;

const GOOD: &str = r#"board = "x"
needs = ["v4l2src", "enc"]
[video.h264]
launch = """
v4l2src name=camera device=${device}
! video/x-raw,width=${width},height=${height},framerate=${framerate}/1
! enc name=encoder extra="controls, rate=${bitrate}" kbit=${bitrate_kbit}
"""
"#;

fn values(device: &str) -> Values {
    let device = Some(PathBuf::from(device));
    Values { device, width: 1280, height: 720, framerate: 30, bitrate: 1_900_000 }
}

fn mistakes(text: &str) -> String {
    match Board::parse(text, "dir/x.toml") {
        Ok(_) => String::new(),
        Err(report) => report.to_string(),
    }
}

#[test]
fn a_good_board_is_filled_in() {
    let board = Board::parse(GOOD, "dir/x.toml").unwrap();
    assert_eq!((board.name(), board.codecs().as_slice()), ("x", [Codec::H264].as_slice()));
    assert_eq!(board.elements(Codec::H264), ["enc", "v4l2src"]);
    assert_eq!(board.elements(Codec::Vp8), Vec::<String>::new());
    let launch = board.launch(Codec::H264, &values("/dev/my cam")).unwrap();
    assert!(launch.contains(r"device=/dev/my\ cam"), "{launch}");
    assert!(launch.contains("width=1280,height=720,framerate=30/1"), "{launch}");
    assert!(launch.contains("rate=1900000\" kbit=1900"), "{launch}");
    let line = board.gst_launch_line(Codec::H264, &values("/dev/my cam")).unwrap();
    assert_eq!(
        line,
        "gst-launch-1.0 -e -v v4l2src name=camera 'device=/dev/my cam' \
         ! video/x-raw,width=1280,height=720,framerate=30/1 \
         ! enc name=encoder 'extra=\"controls, rate=1900000\"' kbit=1900 \
         ! fpsdisplaysink video-sink=fakesink text-overlay=false sync=false"
    );
}

#[test]
fn what_cannot_be_filled_in_is_a_fault() {
    let board = Board::parse(GOOD, "x.toml").unwrap();
    assert!(board.launch(Codec::Vp8, &values("/dev/a")).is_err());
    assert!(board.launch(Codec::H264, &values("relative")).is_err());
    assert!(board.launch(Codec::H264, &Values { device: None, ..values("/") }).is_err());
    assert!(board.gst_launch_line(Codec::H264, &values("/dev/a\"b")).is_err());
}

#[test]
fn the_built_in_boards_are_good() {
    for (name, text) in BUILT_IN {
        let board = Board::parse(text, &format!("{name}.toml")).unwrap();
        assert_eq!(board.codecs(), Codec::OF_EVERY_BROWSER, "{name}");
        assert_eq!(board.has_device(), *name != "demo");
        let promise = board.promise(Codec::H264).unwrap();
        assert_eq!(promise.profile_level_id.as_deref(), Some("42e01f"), "{name}");
    }
    // What decodebin comes to use is prepared too, though no text names it.
    let v4l2 = super::load(&[], "v4l2-software").unwrap();
    assert!(v4l2.elements(Codec::Vp8).contains(&"jpegdec".to_owned()));
    assert!(!v4l2.elements(Codec::Vp8).contains(&"x264enc".to_owned()));
}

/// It is no built-in one: its encoder is there only where its driver is.
#[test]
fn the_board_with_an_encoder_of_the_kernel_is_good() {
    let text = include_str!("../../pipelines/raspberry-pi-cm4.toml");
    let board = Board::parse(text, "raspberry-pi-cm4.toml").unwrap();
    assert_eq!((board.title(), board.has_device()), ("Raspberry Pi CM4", true));
    assert_eq!(board.codecs(), [Codec::H264]);
    let promise = board.promise(Codec::H264).unwrap();
    assert_eq!(promise.profile_level_id.as_deref(), Some("42e01f"));
    let launch = board.launch(Codec::H264, &values("/dev/video0")).unwrap();
    assert!(launch.contains(",video_bitrate=1900000\"\n"), "{launch}");
}

/// One element may make several codecs, by the caps behind it.
#[test]
fn a_board_has_each_codec_with_its_own_promise() {
    let text = include_str!("../../pipelines/qualcomm-codec2.toml");
    let board = Board::parse(text, "qualcomm-codec2.toml").unwrap();
    assert_eq!(board.codecs(), [Codec::H264, Codec::H265]);
    let promise = board.promise(Codec::H265).unwrap();
    assert_eq!((promise.level_id, promise.profile_level_id.as_deref()), (Some(93), None));
    assert_eq!(board.promise(Codec::H264).unwrap().level_id, None);
    assert_eq!(board.elements(Codec::H265), ["h265parse", "qtic2venc", "v4l2src"]);
    assert_eq!(board.elements(Codec::H264), ["h264parse", "qtic2venc", "v4l2src"]);
}

#[test]
fn every_mistake_has_its_line() {
    for (from, to, expected) in [
        (
            "board = \"x\"",
            "bord = \"x\"",
            "dir/x.toml:1: bord: unknown key; the nearest known key is `board`",
        ),
        (
            "[video.h264]",
            "[video.h266]",
            "video.h266: unknown key; the nearest known key is `h265`",
        ),
        ("launch =", "lunch =", "video.h264.lunch: unknown key; the nearest known key is `launch`"),
        (
            "${width}",
            "${widht}",
            "dir/x.toml:6: video.h264.launch: unknown placeholder `${widht}`; the nearest known one is `${width}`",
        ),
        ("${width}", "${width", "unknown placeholder"),
        ("${bitrate_kbit}", "${bitrate_kbit", ":7: video.h264.launch: `${` is not closed"),
        ("name=camera", "", ":5: video.h264.launch: no element is named `camera`"),
        (
            "name=encoder",
            "name=camera",
            ":7: video.h264.launch: several elements are named `camera`",
        ),
        ("name=encoder", "", "no element is named `encoder`"),
        ("kbit=", "! fakesink kbit=", "has a sink of its own, `fakesink`"),
        ("! enc", "enc !", "ends"),
        ("kbit=", "\"kbit=", "has a quote that is not closed"),
        (
            "device=${device}",
            "device=\"${device}\"",
            ":5: video.h264.launch: `${device}` is not the whole value",
        ),
        ("device=${device}", "", "does not use `${device}`"),
        ("needs =", "device = false\nneeds =", "uses `${device}`, and `device = false`"),
        (
            ", \"enc\"",
            "",
            "dir/x.toml:2: needs: does not name every element of the pipelines; add \"enc\"",
        ),
        ("v4l2src name", "${device} name", "neither an element"),
        (
            "[video.h264]",
            "[video.h264.promise]\nprofile-level-id = \"42\"\n[video.h264]",
            "is not six hex digits",
        ),
        (
            "[video.h264]",
            "[video.h265.promise]\nlevel-id = 200\n[video.h264]",
            "video.h265.promise.level-id: 200 is not within 30 to 186",
        ),
        (
            "[video.h264]",
            "[video.h265.promise]\nlevel-id = 93\n[video.h264]",
            "video.h265.launch: is missing",
        ),
    ] {
        let text = GOOD.replacen(from, to, 1);
        // A caps line that is cut short swallows the property that follows it.
        let found = mistakes(&text);
        if expected == "ends" {
            assert!(!found.is_empty());
            continue;
        }
        assert!(found.contains(expected), "{expected}\nin {found}");
    }
    assert!(mistakes("").contains("dir/x.toml: video: has no pipeline"));
    assert!(mistakes("").contains("dir/x.toml: board: is missing"));
}

/// A token without what values may change.
fn shape(placed: Vec<Placed>) -> Vec<(usize, String)> {
    let kind = |token| match token {
        Token::Element(name) => format!("element {name}"),
        Token::Property(name, _) => format!("property {name}"),
        Token::Caps(_) => "caps".to_owned(),
        Token::Reference(name) => format!("reference {name}"),
        Token::Link => "link".to_owned(),
        Token::Open => "open".to_owned(),
        Token::Close => "close".to_owned(),
    };
    placed.into_iter().map(|placed| (placed.line, kind(placed.token))).collect()
}

proptest! {
    #[test]
    fn filling_in_never_changes_the_tokens(
        device in r#"/[a-z0-9 "'!()=,;.:${}\\\t\n/%-]{0,40}"#,
        width in any::<u32>(),
        bitrate in any::<u32>(),
    ) {
        let board = Board::parse(GOOD, "x.toml").unwrap();
        let values = Values { width, bitrate, ..values(&device) };
        match board.launch(Codec::H264, &values) {
            Ok(launch) => {
                let template = &board.videos[0].launch;
                let (filled, before) = (tokens(&launch).unwrap(), tokens(template).unwrap());
                let is_device = |p: &Placed| match &p.token {
                    Token::Property(name, value) if name == "device" => Some(value.replace('\\', "")),
                    _ => None,
                };
                prop_assert_eq!(filled.iter().find_map(is_device), Some(device));
                prop_assert_eq!(shape(filled), shape(before));
            }
            Err(_) => prop_assert!(check_device(&device).is_err()),
        }
    }

    #[test]
    fn any_text_is_a_board_or_a_report(text in r#"(?s).{0,200}"#, launch in r#"[a-z ="!()\\$\{\}/.,;\n]{0,80}"#) {
        let _ = Board::parse(&text, "x.toml");
        let _ = tokens(&launch);
        let _ = Board::parse(&format!("board=\"x\"\n[video.vp8]\nlaunch='''{launch}'''"), "x.toml");
    }
}
