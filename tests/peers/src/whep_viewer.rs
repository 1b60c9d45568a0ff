// SPDX-License-Identifier: MIT OR Apache-2.0
//! GStreamer's own WHEP client, as it comes: `whepsrc ! decodebin`. Watches until enough frames
//! were decoded, then ends as every user of it does, by going to NULL, which sends the DELETE.
//!
//! `whep-viewer ENDPOINT FRAMES [ENCODING-NAME]`: without an encoding name it offers all that it
//! has. Prints the size of the picture and exits with 0; or says what went wrong, and exits with 1.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::prelude::*;

/// How long the frames may take on a loaded machine.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(30);

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let watched = match &arguments[..] {
        [endpoint, frames] => watch(endpoint, frames, None),
        [endpoint, frames, encoding] => watch(endpoint, frames, Some(encoding)),
        _ => Err("usage: whep-viewer ENDPOINT FRAMES [ENCODING-NAME]".into()),
    };
    match watched {
        Ok(picture) => {
            println!("{picture}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("whep-viewer: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Watches until `frames` were decoded; the size of the picture.
#[expect(clippy::disallowed_methods, reason = "a viewer is no product code")]
fn watch(endpoint: &str, frames: &str, encoding: Option<&str>) -> Result<String, Failure> {
    let frames: u64 = frames.parse()?;
    gst::init()?;
    gstwebrtchttp::plugin_register_static()?;
    let pipeline = gst::parse::launch("whepsrc name=viewer ! decodebin ! fakesink name=screen")?
        .downcast::<gst::Pipeline>()
        .map_err(|_| "no pipeline")?;
    let viewer = pipeline.by_name("viewer").ok_or("no whepsrc")?;
    viewer.set_property("whep-endpoint", endpoint);
    if let Some(encoding) = encoding {
        viewer.set_property("video-caps", offered(encoding));
    }
    let screen = pipeline.by_name("screen").and_then(|sink| sink.static_pad("sink"));
    let screen = screen.ok_or("no screen")?;
    announce(&screen, frames);

    // What is begun is ended, whatever came of it.
    let watched = pipeline.set_state(gst::State::Playing).map_err(Failure::from);
    let watched = watched.and_then(|_| await_announcement(&pipeline));
    let picture = screen.current_caps();
    pipeline.set_state(gst::State::Null)?;
    watched?;
    let picture = picture.ok_or("frames without caps")?;
    let picture = picture.structure(0).ok_or("empty caps")?;
    Ok(format!("{}x{}", picture.get::<i32>("width")?, picture.get::<i32>("height")?))
}

/// One codec alone, in the words of `whepsrc`'s own default.
fn offered(encoding: &str) -> gst::Caps {
    gst::Caps::builder("application/x-rtp")
        .field("media", "video")
        .field("payload", 101i32)
        .field("encoding-name", encoding)
        .field("clock-rate", 90_000i32)
        .build()
}

/// Posts a message when `frames` have come.
fn announce(screen: &gst::Pad, frames: u64) {
    let seen = AtomicU64::new(0);
    screen.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
        if seen.fetch_add(1, Ordering::Relaxed) + 1 == frames
            && let Some(sink) = pad.parent_element()
        {
            let enough = gst::Structure::new_empty("enough");
            // Refused only when nobody waits any more.
            let _ = sink.post_message(gst::message::Application::new(enough));
        }
        gst::PadProbeReturn::Ok
    });
}

/// Waits for that message, an error, or the end of patience.
fn await_announcement(pipeline: &gst::Pipeline) -> Result<(), Failure> {
    let bus = pipeline.bus().ok_or("no bus")?;
    let kinds = [gst::MessageType::Application, gst::MessageType::Error, gst::MessageType::Eos];
    let message = bus.timed_pop_filtered(PATIENCE, &kinds);
    match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Application(_)) => Ok(()),
        Some(gst::MessageView::Error(error)) => {
            let detail = error.debug().unwrap_or_default();
            Err(format!("{}: {detail}", error.error()).into())
        }
        Some(_) => Err("the stream ended before the frames had come".into()),
        None => Err(format!("the frames did not come within {} s", PATIENCE.seconds()).into()),
    }
}
