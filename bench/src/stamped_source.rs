// SPDX-License-Identifier: MIT OR Apache-2.0
//! The camera of the benchmark, a process of its own that both sides read: a moving test picture
//! over shared memory. Each frame carries the time at which it was made, as black and white cells
//! along its upper edge, so that whoever decodes it knows its age.
//!
//! `stamped-source WIDTH HEIGHT FRAMERATE SOCKET PATTERN`: says `ready`, and ends with its standard
//! input. PATTERN is one of `videotestsrc`, with what else is to be set of it.

use std::io::Read;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use gst::prelude::*;

/// Side of a cell in pixels: a macroblock, so that the encoder keeps it whole.
const CELL: usize = 16;
/// 32 bits of microseconds since the epoch, and 8 bits to check them.
const CELLS: usize = 40;
const BLACK: u8 = 16;
const WHITE: u8 = 235;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("stamped-source: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test picture is no product code")]
fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [width, height, framerate, socket, pattern] = &arguments[..] else {
        return Err("usage: stamped-source WIDTH HEIGHT FRAMERATE SOCKET PATTERN".into());
    };
    let stride: usize = width.parse()?;
    if stride < CELLS * CELL || !stride.is_multiple_of(4) {
        return Err(format!("the picture must be {} wide or more", CELLS * CELL).into());
    }
    gst::init()?;
    // A reader that does not keep up costs itself frames, never the other one or the source.
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc is-live=true pattern={pattern} \
         ! video/x-raw,format=I420,width={width},height={height},framerate={framerate}/1 \
         ! identity name=stamp ! shmsink socket-path={socket} wait-for-connection=false sync=false"
    ))?
    .downcast::<gst::Pipeline>()
    .map_err(|_| "no pipeline")?;
    let stamp = pipeline.by_name("stamp").and_then(|element| element.static_pad("src"));
    let stamp = stamp.ok_or("no pad to stamp at")?;
    stamp.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if let Some(buffer) = info.buffer_mut()
            && let Ok(mut picture) = buffer.make_mut().map_writable()
        {
            // The low 32 bits come round after 71 minutes; no frame is that old.
            draw(&mut picture, stride, now.as_micros() as u32);
        }
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing)?;
    println!("ready");
    let ended = std::io::stdin().read_to_end(&mut Vec::new());
    pipeline.set_state(gst::State::Null)?;
    ended?;
    Ok(())
}

/// Draws `time`, the highest bit first, and then the exclusive or of its bytes.
fn draw(luma: &mut [u8], stride: usize, time: u32) {
    let check = time.to_be_bytes().into_iter().fold(0, |sum, byte| sum ^ byte);
    let code = u64::from(time) << 8 | u64::from(check);
    for row in luma.chunks_mut(stride).take(CELL) {
        for (at, cell) in row.chunks_mut(CELL).take(CELLS).enumerate() {
            let set = code >> (CELLS - 1 - at) & 1 == 1;
            cell.fill(if set { WHITE } else { BLACK });
        }
    }
}
