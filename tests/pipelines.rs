// SPDX-License-Identifier: MIT OR Apache-2.0
//! The boards that come with the service run on this machine's GStreamer, as the service runs them
//! and as `shutterctl pipelines show` prints them. A V4L2 camera is stood in for by a test picture
//! of the kind that a webcam gives, raw or MJPEG.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, and these are their helpers

use std::path::PathBuf;
use std::process::Command;

use gst::prelude::*;
use shutterd::pipeline::{BUILT_IN, Board, Values, load};
use shutterd::wire::Codec;

const FRAMES: u32 = 8;

fn values() -> Values {
    let device = Some(PathBuf::from("/dev/a \"camera\"! of (mine)"));
    Values { device, width: 320, height: 240, framerate: 30, bitrate: 400_000 }
}

/// Every pipeline that can run here, as the launch text of a board with `source` for a camera.
fn runnable() -> Vec<(String, Codec, String)> {
    let raw = "videotestsrc name=camera ! video/x-raw,format=YUY2,width=320,height=240,framerate=30/1 ! identity";
    let jpeg =
        "videotestsrc name=camera ! video/x-raw,width=320,height=240,framerate=30/1 ! jpegenc";
    let mut all = Vec::new();
    for (name, text) in BUILT_IN {
        let board = Board::parse(text, name).unwrap();
        for codec in board.codecs() {
            let launch = board.launch(codec, &values()).unwrap();
            let Some(rest) = launch.trim().strip_prefix("v4l2src ") else {
                all.push((format!("{name} {codec}"), codec, launch));
                continue;
            };
            let (_, rest) = rest.split_once('\n').unwrap();
            for (kind, source) in [("raw", raw), ("MJPEG", jpeg)] {
                all.push((format!("{name} {codec} {kind}"), codec, format!("{source}\n{rest}")));
            }
        }
    }
    all
}

fn run(what: &str, launch: &str) -> Vec<gst::Sample> {
    let sink = "appsink name=out sync=false";
    let pipeline = gst::parse::launch(&format!("{launch} ! {sink}")).unwrap();
    let pipeline = pipeline.downcast::<gst::Pipeline>().unwrap();
    let camera = pipeline.by_name("camera").unwrap();
    camera.set_property("num-buffers", i32::try_from(FRAMES).unwrap());
    assert!(pipeline.by_name("encoder").is_some(), "{what}");
    let out = pipeline.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
    #[allow(clippy::disallowed_methods)] // a test picture cannot block
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut samples = Vec::new();
    while let Some(sample) = out.try_pull_sample(gst::ClockTime::from_seconds(20)) {
        samples.push(sample);
    }
    let error = pipeline.bus().unwrap().pop_filtered(&[gst::MessageType::Error]);
    #[allow(clippy::disallowed_methods)]
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(error.is_none(), "{what}: {error:?}");
    samples
}

#[test]
fn every_pipeline_runs_and_encodes_what_browsers_play() {
    gst::init().unwrap();
    for (what, codec, launch) in runnable() {
        let samples = run(&what, &launch);
        assert_eq!(samples.len(), FRAMES as usize, "{what}: one access unit for each frame");
        let caps = samples[0].caps().unwrap().to_owned();
        let structure = caps.structure(0).unwrap();
        match codec {
            Codec::H264 => {
                assert_eq!(structure.name(), "video/x-h264", "{what}");
                let profile = structure.get::<String>("profile").unwrap();
                assert_eq!(profile, "constrained-baseline", "{what}");
            }
            Codec::H265 => unreachable!("no built-in board has it"),
            Codec::Vp8 => assert_eq!(structure.name(), "video/x-vp8", "{what}"),
        }
        let key =
            |s: &gst::Sample| !s.buffer().unwrap().flags().contains(gst::BufferFlags::DELTA_UNIT);
        let keys: Vec<bool> = samples.iter().map(key).collect();
        assert!(keys[0] && !keys[1..].contains(&true), "{what}: keyframes on demand, {keys:?}");
    }
}

#[test]
fn every_camera_text_is_read_as_it_is_meant() {
    gst::init().unwrap();
    let board = load(&[], "v4l2-software").unwrap();
    for codec in board.codecs() {
        let launch = board.launch(codec, &values()).unwrap();
        let pipeline = gst::parse::launch(&format!("{launch} ! fakesink")).unwrap();
        let camera = pipeline.downcast::<gst::Bin>().unwrap().by_name("camera").unwrap();
        let device = camera.property::<String>("device");
        assert_eq!(Some(PathBuf::from(device)), values().device, "{launch}");
    }
}

#[test]
fn every_element_is_in_needs_and_exists_here() {
    gst::init().unwrap();
    for (name, text) in BUILT_IN {
        for factory in Board::parse(text, name).unwrap().needs() {
            assert!(gst::ElementFactory::find(factory).is_some(), "{name}: {factory}");
        }
    }
}

#[test]
fn the_line_for_a_shell_runs_as_it_is() {
    let board = load(&[], "demo").unwrap();
    for codec in board.codecs() {
        let line = board.gst_launch_line(codec, &values()).unwrap();
        let line = line.replacen("name=camera", &format!("name=camera num-buffers={FRAMES}"), 1);
        let output = Command::new("timeout").args(["60", "sh", "-c", &line]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{line}\n{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(said.contains("EOS") || said.contains("end of stream"), "{said}");
    }
}

/// A path with a space, given to `gst-launch-1.0` by a shell, arrives whole.
#[test]
fn the_line_for_a_shell_keeps_a_path_whole() {
    let board = load(&[], "v4l2-software").unwrap();
    let values = Values { device: Some("/nonexistent/my camera! (2)".into()), ..values() };
    let line = board.gst_launch_line(Codec::H264, &values).unwrap();
    let output = Command::new("timeout").args(["60", "sh", "-c", &line]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("'/nonexistent/my camera! (2)'"), "{line}\n{said}");
}
