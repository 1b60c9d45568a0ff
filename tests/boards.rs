// SPDX-License-Identifier: MIT OR Apache-2.0
//! The board files against the table of encoders.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, and these are their helpers

use std::fs;
use std::path::{Path, PathBuf};

use shutterd::pipeline::encoders::{ENCODERS, Encoder, Fixed, Setting, Unit, encoder};
use shutterd::pipeline::tokens::{Token, tokens};
use shutterd::pipeline::{Board, Values};
use shutterd::wire::Codec;

/// What a text sets of its element `encoder`, and in the caps behind it.
type Set = Vec<(String, String)>;

/// As [`Setting`] writes it, so that a control is not taken for a property of the same name.
fn key(setting: Setting) -> String {
    setting.to_string()
}

/// The factory of the element `encoder`, and what is set of it.
fn settings(launch: &str) -> (String, Set) {
    let tokens: Vec<Token> = tokens(launch).unwrap().into_iter().map(|p| p.token).collect();
    let named = Token::Property("name".to_owned(), "encoder".to_owned());
    let name = tokens.iter().position(|token| *token == named).unwrap();
    let element = |token: &Token| matches!(token, Token::Element(_));
    let first = tokens[..name].iter().rposition(element).unwrap();
    let Token::Element(factory) = &tokens[first] else { unreachable!() };
    let mut set = Set::new();
    for token in &tokens[first + 1..] {
        match token {
            Token::Property(name, _) if name == "name" => {}
            Token::Property(name, value) if name == "extra-controls" => {
                let controls = value.trim_matches('"').split(',').skip(1);
                let pair = |control: &str| {
                    let (name, value) = control.split_once('=').unwrap();
                    (format!("control `{name}`"), value.to_owned())
                };
                set.extend(controls.map(pair));
            }
            Token::Property(name, value) => set.push((format!("`{name}`"), value.clone())),
            Token::Caps(caps) => {
                let field = |field: &str| {
                    let (name, value) = field.split_once('=').unwrap();
                    (format!("caps `{name}`"), value.trim_start_matches("(string)").to_owned())
                };
                set.extend(caps.split(',').skip(1).map(field));
            }
            Token::Link => {}
            _ => break,
        }
    }
    (factory.clone(), set)
}

fn value(set: &Set, setting: Setting) -> Option<&str> {
    set.iter().find(|(name, _)| *name == key(setting)).map(|(_, value)| value.as_str())
}

/// What the table says against a text.
fn wrong(launch: &str, codec: Codec) -> Vec<String> {
    let (factory, set) = settings(launch);
    let Some(Encoder { rate, written: Some(written), .. }) = encoder(&factory) else {
        return vec![format!("the table does not have all of {factory}")];
    };
    let profile = written.profile.iter().filter(|(of, _)| *of == codec).map(|(_, fixed)| fixed);
    let fixed: Vec<Fixed> = profile.chain(written.latency).copied().collect();
    let own = fixed.iter().map(|fixed| fixed.setting).chain([rate.0]);
    let own: Vec<String> =
        own.chain(written.period.iter().chain(written.others).copied()).map(key).collect();
    let strange = set.iter().filter(|(name, _)| !own.contains(name));
    let mut wrong: Vec<String> = strange.map(|(name, _)| format!("{name} is not its")).collect();
    let wanted = match rate.1 {
        Unit::Bits => "1900000",
        Unit::Kilobits => "1900",
    };
    if value(&set, rate.0) != Some(wanted) {
        wrong.push(format!("{} is not {wanted}", rate.0));
    }
    if !written.period.iter().any(|period| value(&set, *period).is_some()) {
        wrong.push(format!("no period: {}", written.period[0]));
    }
    for Fixed { setting, values, by_default } in fixed {
        if value(&set, setting).map_or(!by_default, |value| !values.contains(&value)) {
            wrong.push(format!("{setting} is none of {values:?}"));
        }
    }
    wrong
}

/// Each board file, and the text of each of its codecs.
fn texts() -> Vec<(String, Codec, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    let device = Some(PathBuf::from("/dev/video0"));
    let values = Values { device, width: 1280, height: 720, framerate: 30, bitrate: 1_900_000 };
    let mut texts = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let board = Board::parse(&fs::read_to_string(&path).unwrap(), path.to_str().unwrap());
        let board = board.unwrap_or_else(|report| panic!("{report}"));
        for codec in board.codecs() {
            let launch = board.launch(codec, &values).unwrap();
            texts.push((format!("{} {codec}", board.name()), codec, launch));
        }
    }
    texts
}

#[test]
fn every_board_file_tells_its_encoder_what_the_table_says() {
    let texts = texts();
    assert!(texts.len() > 12, "{texts:?}");
    for (board, codec, launch) in &texts {
        assert_eq!(wrong(launch, *codec), Vec::<String>::new(), "{board}");
    }
    let used: Vec<String> = texts.iter().map(|(_, _, launch)| settings(launch).0).collect();
    for row in ENCODERS.iter().filter(|row| row.written.is_some()) {
        assert!(used.iter().any(|used| used == row.factory), "no board has {}", row.factory);
    }
}

/// The controls of the drivers behind v4l2h264enc and v4l2h265enc, of those that board files may set: as the kernel's
/// sources, which the files name, have them.
const DRIVERS: [(&str, &[&str]); 6] = [
    (
        "mediatek-genio h264",
        &[
            "frame_level_rate_control_enable",
            "h264_i_frame_period",
            "sequence_header_mode",
            "video_b_frames",
            "video_bitrate",
            "video_bitrate_mode",
            "video_gop_size",
        ],
    ),
    (
        "qualcomm-qcs6490 h264",
        &[
            "frame_level_rate_control_enable",
            "h264_i_frame_period",
            "sequence_header_mode",
            "video_b_frames",
            "video_bitrate",
            "video_bitrate_mode",
            "video_gop_size",
        ],
    ),
    (
        "qualcomm-qcs6490 h265",
        &[
            "frame_level_rate_control_enable",
            "sequence_header_mode",
            "video_b_frames",
            "video_bitrate",
            "video_bitrate_mode",
            "video_gop_size",
        ],
    ),
    (
        "raspberry-pi-cm4 h264",
        &["h264_i_frame_period", "repeat_sequence_header", "video_bitrate", "video_bitrate_mode"],
    ),
    (
        "ti-am62a h264",
        &[
            "frame_level_rate_control_enable",
            "h264_i_frame_period",
            "prepend_sps_and_pps_to_idr",
            "video_bitrate",
            "video_bitrate_mode",
            "video_gop_size",
        ],
    ),
    (
        "ti-am62a h265",
        &[
            "frame_level_rate_control_enable",
            "hevc_refresh_period",
            "prepend_sps_and_pps_to_idr",
            "video_bitrate",
            "video_bitrate_mode",
            "video_gop_size",
        ],
    ),
];

/// An element with a driver of the kernel behind it warns only of a control that is not there.
#[test]
fn every_control_is_one_of_the_boards_driver() {
    for (board, _, launch) in texts() {
        let (_, set) = settings(&launch);
        let names = set.iter().filter_map(|(name, _)| name.strip_prefix("control "));
        let mut controls = names.map(|name| name.trim_matches('`')).peekable();
        if controls.peek().is_none() {
            continue;
        }
        let (_, driver) = DRIVERS.iter().find(|(name, _)| *name == board).unwrap();
        for control in controls {
            assert!(driver.contains(&control), "{board}: no control `{control}`");
        }
    }
}

fn finds(text: &str, codec: Codec, expected: &str) {
    let launch = format!("a ! {} ! parse", text.replacen(' ', " name=encoder ", 1));
    let wrong = wrong(&launch, codec);
    assert!(wrong.iter().any(|wrong| wrong.contains(expected)), "{text}: {wrong:?}");
}

#[test]
fn every_mistake_of_a_text_is_found() {
    for (text, expected) in [
        ("mpph264enc gop-size=120 profile=baseline bps=1900000", "`gop-size` is not its"),
        ("mpph264enc profile=baseline bps=1900000", "no period: `gop`"),
        ("mpph264enc gop=120 profile=baseline bps=1900", "`bps` is not 1900000"),
        ("mpph264enc gop=120 profile=baseline", "`bps` is not 1900000"),
        ("mpph264enc gop=120 profile=high bps=1900000", "`profile` is none of [\"baseline\"]"),
        ("mpph264enc gop=120 bps=1900000", "`profile` is none of"),
        ("nvv4l2h264enc idrinterval=9 num-B-Frames=2 bitrate=1900000", "`num-B-Frames` is none"),
        ("nvv4l2h264enc idrinterval=9 bframes=0 bitrate=1900000", "`bframes` is not its"),
        ("v4l2h264enc extra-controls=\"c,video_bitrate=1900000,gop=3\"", "control `gop` is not"),
        ("v4l2h264enc video_bitrate=1900000", "`video_bitrate` is not its"),
        ("omxh264enc target-bitrate=1900000", "the table does not have all of omxh264enc"),
        ("identity bitrate=1900000", "the table does not have all of identity"),
    ] {
        finds(text, Codec::H264, expected);
    }
    for (text, expected) in [
        ("mpph265enc gop=120 level=120 bps=1900000", "`level` is not its"),
        ("nvv4l2h265enc idrinterval=9 num-B-Frames=0 bitrate=1900000", "`num-B-Frames` is not its"),
        ("nvv4l2h265enc idrinterval=9 profile=Main10 bitrate=1900000", "`profile` is none of"),
        ("vpuenc_hevc gop-size=9 profile=9 bitrate=1900", "`profile` is none of [\"0\"]"),
        ("v4l2h265enc extra-controls=\"c,video_bitrate=1900000\"", "caps `profile` is none of"),
        ("vah265enc bitrate=1900 ! video/x-h265,profile=main-10", "caps `profile` is none of"),
        (
            "qtic2venc b-frames=0 ! video/x-h265,profile=baseline",
            "caps `profile` is none of [\"main\"]",
        ),
        ("x265enc bitrate=1900", "the table does not have all of x265enc"),
    ] {
        finds(text, Codec::H265, expected);
    }
}

#[test]
fn the_table_is_sorted_and_names_each_encoder_once() {
    assert!(ENCODERS.windows(2).all(|pair| pair[0].factory < pair[1].factory));
}
