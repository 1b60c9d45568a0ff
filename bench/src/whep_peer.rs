// SPDX-License-Identifier: MIT OR Apache-2.0
//! The peer: GStreamer's own WHEP server, `whepserversink`, as its users run it.
//!
//! `whep-peer ADDRESS ENCODER LAUNCH CONGESTION BITRATE`: serves `ADDRESS/whep/endpoint`, an address
//! with a port. LAUNCH is the source, ENCODER the properties of `x264enc`, both as gst-launch has them
//! and as the service's board file has them too. CONGESTION is `disabled`, `homegrown` or `gcc`, as the
//! element has it; BITRATE is where that starts and the most that it gives, in bits per second. Ends
//! with its standard input.

use std::io::Read;
use std::process::ExitCode;

use gst::prelude::*;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("whep-peer: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the peer is no product code")]
fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, encoder, launch, congestion, bitrate] = &arguments[..] else {
        return Err("usage: whep-peer ADDRESS ENCODER LAUNCH CONGESTION BITRATE".into());
    };
    gst::init()?;
    gstrswebrtc::plugin_register_static()?;
    gstrsrtp::plugin_register_static()?;
    let pipeline = gst::parse::launch(&format!("{launch} ! whepserversink name=server"))?
        .downcast::<gst::Pipeline>()
        .map_err(|_| "no pipeline")?;
    let server = pipeline.by_name("server").ok_or("no server")?;
    configure(&server, address, encoder)?;
    server.set_property_from_str("congestion-control", congestion);
    server.set_property_from_str("start-bitrate", bitrate);
    server.set_property_from_str("max-bitrate", bitrate);

    pipeline.set_state(gst::State::Playing)?;
    let bus = pipeline.bus().ok_or("no bus")?;
    bus.set_sync_handler(|_, message| {
        if let gst::MessageView::Error(error) = message.view() {
            eprintln!("whep-peer: {}: {}", error.error(), error.debug().unwrap_or_default());
        }
        gst::BusSyncReply::Drop
    });
    let ended = std::io::stdin().read_to_end(&mut Vec::new());
    pipeline.set_state(gst::State::Null)?;
    ended?;
    Ok(())
}

/// What is set, and why. All else is as it comes: retransmission on, as the service has it.
fn configure(server: &gst::Element, address: &str, encoder: &str) -> Result<(), Failure> {
    // Loopback only; asking a STUN server would cost the peer time.
    server.set_property("stun-server", None::<&str>);
    let signaller = server.property::<gst::glib::Object>("signaller");
    signaller.set_property("stun-server", None::<&str>);
    signaller.set_property("host-addr", address);
    // Of its forward error correction Chromium makes no use for H.264. Off, it costs the peer less.
    server.set_property("do-fec", false);
    // One codec, as on the other side; it makes constrained baseline of it by itself, as the service does.
    server.set_property_from_str("video-caps", "video/x-h264");
    // The encoder of the service's board file, to the letter.
    let settings = encoder
        .split_whitespace()
        .map(|setting| setting.split_once('=').ok_or(format!("{setting}: not NAME=VALUE")))
        .map(|setting| setting.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect::<Result<Vec<_>, _>>()?;
    server.connect("encoder-setup", false, move |values| {
        let encoder = values.get(3).and_then(|value| value.get::<gst::Element>().ok())?;
        for (name, value) in &settings {
            encoder.set_property_from_str(name, value);
        }
        Some(true.to_value())
    });
    Ok(())
}
