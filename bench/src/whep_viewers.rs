// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many viewers at little cost: GStreamer's own WHEP client, as often as asked, and nothing decoded.
//!
//! `whep-viewers ENDPOINT COUNT`: one joins after the other, each when the one before has its first
//! frame; then it says `watching`. For each line on its standard input it prints the frames that
//! each viewer has had so far, as a JSON array. When that ends, all of them leave.

use std::io::BufRead;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::prelude::*;

/// How long the first frame of a viewer may take on a loaded machine.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(30);

/// The bit of an RTP header's second byte that marks a frame's last packet (RFC 6184).
const MARKER: u8 = 0x80;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("whep-viewers: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, count] = &arguments[..] else {
        return Err("usage: whep-viewers ENDPOINT COUNT".into());
    };
    let count: usize = count.parse()?;
    gst::init()?;
    gstwebrtchttp::plugin_register_static()?;
    let mut viewers = Vec::with_capacity(count);
    for _ in 0..count {
        viewers.push(Viewer::join(endpoint)?);
    }
    println!("watching");
    for line in std::io::stdin().lock().lines() {
        line?;
        println!("{:?}", viewers.iter().map(Viewer::frames).collect::<Vec<_>>());
    }
    Ok(())
}

/// One that watches; it leaves when dropped.
struct Viewer {
    pipeline: gst::Pipeline,
    frames: Arc<AtomicU64>,
}

impl Viewer {
    #[expect(clippy::disallowed_methods, reason = "a viewer is no product code")]
    fn join(endpoint: &str) -> Result<Self, Failure> {
        let pipeline = gst::parse::launch("whepsrc name=viewer ! fakesink name=screen")?
            .downcast::<gst::Pipeline>()
            .map_err(|_| "no pipeline")?;
        let whep = pipeline.by_name("viewer").ok_or("no whepsrc")?;
        whep.set_property("whep-endpoint", endpoint);
        whep.set_property("video-caps", h264());
        whep.set_property("audio-caps", None::<gst::Caps>);
        let screen = pipeline.by_name("screen").ok_or("no screen")?;
        screen.set_property("sync", false);
        let frames = Arc::default();
        count_frames(&screen, &frames)?;
        let viewer = Self { pipeline, frames };
        viewer.pipeline.set_state(gst::State::Playing)?;
        viewer.first_frame()?;
        Ok(viewer)
    }

    fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    fn first_frame(&self) -> Result<(), Failure> {
        let bus = self.pipeline.bus().ok_or("no bus")?;
        let kinds = [gst::MessageType::Application, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(PATIENCE, &kinds);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => {
                let detail = error.debug().unwrap_or_default();
                Err(format!("{}: {detail}", error.error()).into())
            }
            Some(_) => Ok(()),
            None => Err(format!("no frame within {} s", PATIENCE.seconds()).into()),
        }
    }
}

impl Drop for Viewer {
    #[expect(clippy::disallowed_methods, reason = "a viewer is no product code")]
    fn drop(&mut self) {
        // Sends the DELETE; a viewer that cannot end is no matter of the measured side.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// The profile that the encoder makes, in the words of `whepsrc`'s own default.
fn h264() -> gst::Caps {
    gst::Caps::builder("application/x-rtp")
        .field("media", "video")
        .field("payload", 101i32)
        .field("encoding-name", "H264")
        .field("clock-rate", 90_000i32)
        .build()
}

/// Counts what comes to `screen`, and posts a message at the first.
fn count_frames(screen: &gst::Element, frames: &Arc<AtomicU64>) -> Result<(), Failure> {
    let pad = screen.static_pad("sink").ok_or("a screen without a pad")?;
    let frames = Arc::clone(frames);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let packet = info.buffer().and_then(|buffer| buffer.map_readable().ok());
        let whole = packet.is_some_and(|packet| packet.get(1).is_some_and(|at| at & MARKER != 0));
        if whole
            && frames.fetch_add(1, Ordering::Relaxed) == 0
            && let Some(screen) = pad.parent_element()
        {
            let first = gst::Structure::new_empty("first-frame");
            // Refused only when nobody waits any more.
            let _ = screen.post_message(gst::message::Application::new(first));
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}
