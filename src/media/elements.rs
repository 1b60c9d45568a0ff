// SPDX-License-Identifier: MIT OR Apache-2.0
//! Elements by factory name, and what to install when one is missing.

use gst::prelude::*;
use shutterd::lifecycle::{Fault, FaultCode};

/// Makes an element.
///
/// # Errors
/// `element-missing`, naming the element and where it comes from.
pub(crate) fn make(factory: &str) -> Result<gst::Element, Fault> {
    gst::ElementFactory::make(factory).build().map_err(|_| missing(factory))
}

/// The plugin that has the element, which need not be loaded for this.
///
/// # Errors
/// `element-missing`.
pub(crate) fn plugin_of(factory: &str) -> Result<Option<gst::glib::GString>, Fault> {
    let found = gst::ElementFactory::find(factory).ok_or_else(|| missing(factory))?;
    Ok(found.plugin_name())
}

/// The fault for an element that is not there. The registry may know it: a driver's element is there
/// only as long as its node can be opened when its plugin is loaded.
pub(crate) fn missing(factory: &str) -> Fault {
    let detail = match package(factory) {
        _ if gst::ElementFactory::find(factory).is_some() => {
            format!("no element `{factory}` any more: its device is busy, or gone")
        }
        Some(package) => format!("no element `{factory}`; Debian has it in {package}"),
        None => format!("no element `{factory}`"),
    };
    Fault::new(FaultCode::ElementMissing, detail)
}

/// The Debian package of the elements that pipeline files and this worker commonly use.
pub(crate) fn package(factory: &str) -> Option<&'static str> {
    Some(match factory {
        "appsrc" | "appsink" | "videotestsrc" | "videoconvert" | "videoscale" | "videorate"
        | "opusenc" => "gstreamer1.0-plugins-base",
        "v4l2src" | "v4l2h264enc" | "v4l2h265enc" | "v4l2jpegdec" | "jpegdec" | "vp8enc"
        | "rtph264pay" | "rtph265pay" | "rtpvp8pay" | "rtpbin" | "rtpopuspay" => {
            "gstreamer1.0-plugins-good"
        }
        "webrtcbin" | "dtlssrtpenc" | "srtpenc" | "sctpenc" | "h264parse" | "h265parse"
        | "openh264enc" | "vah264enc" | "vah265enc" | "vapostproc" | "x265enc" => {
            "gstreamer1.0-plugins-bad"
        }
        "x264enc" => "gstreamer1.0-plugins-ugly",
        "nicesrc" | "nicesink" => "gstreamer1.0-nice",
        "libcamerasrc" => "gstreamer1.0-libcamera",
        "vaapih264enc" => "gstreamer1.0-vaapi",
        _ => return None,
    })
}
