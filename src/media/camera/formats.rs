// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the camera offers what the pipeline text asks of it: known in READY, before streaming.

use gst::prelude::*;
use shutterd::lifecycle::{Fault, FaultCode};

/// Formats that the detail of a fault names at most.
const NAMED: usize = 16;

/// Compares what the element `camera` offers with what follows it.
pub(super) fn check(camera: &gst::Element) -> Result<(), Fault> {
    let Some(pad) = camera.static_pad("src") else { return Ok(()) };
    let Some(peer) = pad.peer() else { return Ok(()) };
    let offers = pad.query_caps(None);
    let wanted = peer.query_caps(None);
    if offers.can_intersect(&wanted) {
        return Ok(());
    }
    Err(Fault::new(
        FaultCode::CameraFormat,
        format!("wanted {}; the camera offers {}", in_words(&wanted), in_words(&offers)),
    ))
}

/// `YUY2 1280x720 at 30/1, …`, shortened.
fn in_words(caps: &gst::Caps) -> String {
    if caps.is_any() {
        return "anything".into();
    }
    if caps.is_empty() {
        return "nothing that the next element takes".into();
    }
    let mut words: Vec<String> = Vec::new();
    for structure in caps.iter() {
        let field = |name: &str| {
            structure.value(name).ok().and_then(|v| v.serialize().ok()).map(|s| s.to_string())
        };
        let mut format = field("format").unwrap_or_else(|| structure.name().to_string());
        if let (Some(width), Some(height)) = (field("width"), field("height")) {
            format += &format!(" {width}x{height}");
        }
        if let Some(rate) = field("framerate") {
            format += &format!(" at {rate}");
        }
        words.push(format);
    }
    let more = words.len().saturating_sub(NAMED);
    words.truncate(NAMED);
    let mut text = words.join(", ");
    if more > 0 {
        text += &format!(" and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_camera_does_not_offer_is_said_with_what_it_does() {
        gst::init().unwrap();
        // A camera tells what it offers only when it is open, after it was linked.
        let camera = gst::ElementFactory::make("capsfilter").build().unwrap();
        let filter = gst::ElementFactory::make("capsfilter").build().unwrap();
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([&camera, &filter]).unwrap();
        camera.link(&filter).unwrap();
        let caps = |width: i32| {
            gst::Caps::builder("video/x-raw")
                .field("format", "YUY2")
                .field("width", width)
                .field("height", 480)
                .field("framerate", gst::Fraction::new(30, 1))
                .build()
        };
        filter.set_property("caps", caps(1280));
        camera.set_property("caps", caps(1280));
        check(&camera).unwrap();
        camera.set_property("caps", caps(640));
        let fault = check(&camera).unwrap_err();
        assert_eq!(fault.code, FaultCode::CameraFormat);
        assert_eq!(
            fault.detail,
            "wanted YUY2 1280x480 at 30/1; the camera offers YUY2 640x480 at 30/1"
        );
    }
}
