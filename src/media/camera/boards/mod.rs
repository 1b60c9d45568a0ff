// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every board file through the worker's camera, from the first command to the last, with elements of
//! this machine that stand in for the boards'.

mod choices;
mod h265;
mod sheets;
mod standin;

use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use gst::prelude::*;
use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::pipeline::encoders::{Setting, Unit, encoder};
use shutterd::pipeline::{Board, Values};
use shutterd::wire::link::{Frame, Kind, LinkSocket, link_pair};
use shutterd::wire::{CameraCommand as C, Codec, Reply, SessionId, Whole};
use tokio::sync::Mutex;

use super::Camera;
use super::pipeline::Pipeline;
use crate::media::control::Reporter;

/// Name and text of each. The test of the list looks for others.
const BOARDS: &[(&str, &str)] = &[
    ("demo", include_str!("../../../../pipelines/demo.toml")),
    ("intel-amd", include_str!("../../../../pipelines/intel-amd.toml")),
    ("mediatek-genio", include_str!("../../../../pipelines/mediatek-genio.toml")),
    ("nvidia-jetson", include_str!("../../../../pipelines/nvidia-jetson.toml")),
    ("nxp-imx8mp", include_str!("../../../../pipelines/nxp-imx8mp.toml")),
    ("qualcomm-codec2", include_str!("../../../../pipelines/qualcomm-codec2.toml")),
    ("qualcomm-qcs6490", include_str!("../../../../pipelines/qualcomm-qcs6490.toml")),
    ("raspberry-pi-cm4", include_str!("../../../../pipelines/raspberry-pi-cm4.toml")),
    ("rockchip-rk3588", include_str!("../../../../pipelines/rockchip-rk3588.toml")),
    ("ti-am62a", include_str!("../../../../pipelines/ti-am62a.toml")),
    ("v4l2-software", include_str!("../../../../pipelines/v4l2-software.toml")),
];

const WHOLE: Whole = Whole { width: 320, height: 240, framerate: 30, bitrate: 1_000_000 };
const VIEWER: SessionId = SessionId(0xa);

/// How long anything may take that is waited for.
const SOON: Duration = Duration::from_secs(20);

/// The stand-ins are there from now on, for every test of this process.
pub(super) fn stand_in() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().unwrap();
        sheets::register();
    });
}

fn board(text: &str, name: &str) -> Board {
    Board::parse(text, name).unwrap_or_else(|report| panic!("{report}"))
}

fn open(board: &Board, codec: Codec) -> C {
    let device = board.has_device().then(|| PathBuf::from("/dev/video0"));
    let Whole { width, height, framerate, bitrate } = WHOLE;
    let values = Values { device: device.clone(), width, height, framerate, bitrate };
    let launch = board.launch(codec, &values).unwrap();
    C::OpenCamera { launch, device, codec, whole: WHOLE }
}

/// A viewer's end of the link.
struct Viewer(LinkSocket);

impl Viewer {
    /// The next access unit: whether it is a keyframe. Caps are kept for whoever wants them.
    async fn unit(&self, caps: &mut String) -> bool {
        loop {
            let next = tokio::time::timeout(SOON, self.0.next()).await;
            let (header, payload) = next.expect("a unit in time").unwrap();
            match header.kind {
                Kind::AccessUnit { keyframe } => return keyframe,
                _ => *caps = String::from_utf8(payload).unwrap(),
            }
        }
    }

    async fn say(&self, kind: Kind, time: u64) {
        self.0.send(&Frame::bare(kind, time)).await.unwrap();
    }
}

async fn call(camera: &mut Camera, command: C) -> Result<Reply, Fault> {
    tokio::time::timeout(SOON, camera.perform(command, Vec::new())).await.expect("in time")
}

/// What the encoder has for a rate, in bits per second, as its own property says.
async fn rate(camera: &Camera) -> u32 {
    let read = |scene: &mut Option<Pipeline>| {
        let element = scene.as_ref().unwrap().encoder();
        let row = encoder(&element.factory().unwrap().name()).unwrap();
        let value: u32 = match row.rate.0 {
            Setting::Property(property) => {
                element.property_value(property).serialize().unwrap().parse().unwrap()
            }
            Setting::Control(control) => {
                let controls = element.property::<gst::Structure>("extra-controls");
                controls.get::<i32>(control).unwrap().try_into().unwrap()
            }
            Setting::Caps(_) => unreachable!("a rate in caps"),
        };
        if row.rate.1 == Unit::Kilobits { value * 1000 } else { value }
    };
    camera.stage.run(move |scene, _| read(scene)).await.unwrap()
}

/// What every browser plays that has the codec, as the caps have it.
fn profile(codec: Codec) -> &'static str {
    match codec {
        // Baseline, whatever more of it: 0x42 is 66.
        Codec::H264 => "codec_data=(buffer)0142",
        // Main profile and tier.
        Codec::H265 => "codec_data=(buffer)0101",
        Codec::Vp8 => "video/x-vp8",
    }
}

async fn end_to_end(board: &Board, codec: Codec) {
    let name = format!("{} {codec}", board.name());
    let mut camera = Camera::new(Reporter::to_nobody()).unwrap();
    call(&mut camera, C::Prepare { elements: board.elements(codec) }).await.unwrap();
    for command in [open(board, codec), C::CreateSource] {
        call(&mut camera, command).await.unwrap_or_else(|fault| panic!("{name}: {fault}"));
    }
    let (theirs, ours) = link_pair().unwrap();
    camera.perform(C::Attach { session: VIEWER }, vec![theirs]).await.unwrap();
    let (viewer, mut caps) = (Viewer(LinkSocket::new(ours).unwrap()), String::new());
    assert!(viewer.unit(&mut caps).await, "{name}: it begins with a keyframe");
    assert!(caps.starts_with(codec.media_type()), "{name}: {caps}");
    assert!(caps.contains(profile(codec)), "{name}: {caps}");
    assert!(caps.contains("width=(int)320") && caps.contains("height=(int)240"), "{caps}");

    assert_eq!(rate(&camera).await, WHOLE.bitrate, "{name}: from the text");
    viewer.say(Kind::Bitrate, 700_000).await;
    let mut units = 0;
    while rate(&camera).await != 700_000 {
        viewer.unit(&mut caps).await;
        units += 1;
        assert!(units < 200, "{name}: the rate stays as it is");
    }

    // Beyond the keyframes that came before; of itself it makes the next one later than that.
    for _ in 0..10 {
        viewer.unit(&mut caps).await;
    }
    viewer.say(Kind::KeyframeWanted, 0).await;
    let mut units = 0;
    while !viewer.unit(&mut caps).await {
        units += 1;
        assert!(units < 40, "{name}: no keyframe on demand");
    }

    // Each is an error if it leaves an element alive.
    for command in [C::DestroySource, C::AwaitCaptureStopped, C::CloseCamera] {
        call(&mut camera, command).await.unwrap_or_else(|fault| panic!("{name}: {fault}"));
    }
}

/// Runs the boards that have one of `codecs`, and says how many pipelines that were.
async fn run_boards(codecs: &[Codec]) -> usize {
    // One element makes either codec, and its stand-in one of them.
    static TURN: Mutex<()> = Mutex::const_new(());
    let _turn = TURN.lock().await;
    stand_in();
    let mut ran = 0;
    for (name, text) in BOARDS {
        let board = board(text, name);
        for codec in board.codecs().into_iter().filter(|codec| codecs.contains(codec)) {
            sheets::c2venc_makes(codec);
            end_to_end(&board, codec).await;
            ran += 1;
        }
    }
    ran
}

#[tokio::test]
async fn every_board_runs_follows_its_viewers_and_closes() {
    assert_eq!(run_boards(&[Codec::H264, Codec::Vp8]).await, BOARDS.len() + 2);
}

/// By itself: few distributions for devices have a software encoder of it.
#[tokio::test]
async fn every_board_with_h265_runs_follows_its_viewers_and_closes() {
    assert_eq!(run_boards(&[Codec::H265]).await, 7);
}

#[test]
fn no_board_is_missing_here() {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines"));
    // On a device the tests run without the tree.
    let Ok(files) = std::fs::read_dir(directory) else { return };
    let names = files.map(|file| file.unwrap().path().file_stem().unwrap().to_owned());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, BOARDS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

async fn refused(name: &str, from: &str, to: &str) -> Fault {
    let (_, text) = BOARDS.iter().find(|(board, _)| *board == name).unwrap();
    assert!(text.contains(from), "{name} has no {from}");
    let board = board(&text.replacen(from, to, 1), name);
    // The codec whose text it is.
    let before = text.split(from).next().unwrap();
    let codec = if before.contains("[video.h265]") { Codec::H265 } else { Codec::H264 };
    let mut camera = Camera::new(Reporter::to_nobody()).unwrap();
    let fault = call(&mut camera, open(&board, codec)).await.unwrap_err();
    call(&mut camera, C::CloseCamera).await.unwrap();
    fault
}

async fn refused_by_name(cases: &[(&str, &str, &str, &str)]) {
    stand_in();
    for (board, from, to, said) in cases {
        let fault = refused(board, from, to).await;
        assert_eq!(fault.code, FaultCode::PipelineInvalid, "{fault}");
        assert!(fault.detail.contains(said), "{said}\nin {}", fault.detail);
    }
}

#[tokio::test]
async fn a_misspelt_property_is_refused_by_its_name() {
    refused_by_name(&[
        ("nxp-imx8mp", "gop-size=", "gopsize=", "no property \"gopsize\" in element"),
        ("rockchip-rk3588", " bps=", " bitrate=", "no property \"bitrate\" in element"),
        ("nvidia-jetson", "nvvidconv !", "nvvidconv flip=2 !", "no property \"flip\" in element"),
        ("rockchip-rk3588", "rc-mode=cbr", "rc-mode=cbrr", "could not set property \"rc-mode\""),
    ])
    .await;
}

/// What the encoder of H.264 of the same board has.
#[tokio::test]
async fn a_property_that_a_board_with_h265_has_not_is_refused_by_its_name() {
    let (from, to) = ("265enc name=encoder", "265enc name=encoder num-B-Frames=0");
    refused_by_name(&[
        ("rockchip-rk3588", from, "265enc name=encoder level=31", "no property \"level\""),
        ("nvidia-jetson", from, to, "no property \"num-B-Frames\""),
        ("nxp-imx8mp", "level=93", "tier=0", "no property \"tier\""),
    ])
    .await;
}
