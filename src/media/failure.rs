// SPDX-License-Identifier: MIT OR Apache-2.0
//! From what GStreamer posts to the closed list of faults.

use gst::prelude::*;
use shutterd::lifecycle::{Fault, FaultCode};

/// The camera worker's reading of an error message. The element `camera` talks to a driver, so its
/// words about a resource are taken apart; other elements' errors are errors of the pipeline's run.
pub(crate) fn of_camera(message: &gst::message::Error) -> Fault {
    let error = message.error();
    let debug = message.debug().unwrap_or_default();
    let source = message.src().map(|s| s.name().to_string()).unwrap_or_default();
    let text = format!("{error} {debug}");
    Fault::new(code(&error, &text), format!("{source}: {error}{}", system_error(&debug)))
}

fn code(error: &gst::glib::Error, text: &str) -> FaultCode {
    use gst::{CoreError, ResourceError, StreamError};
    let says = |words: &[&str]| words.iter().any(|w| text.contains(w));
    if says(&["Device or resource busy", "is busy"]) {
        return FaultCode::CameraBusy;
    }
    if says(&["Permission denied", "Operation not permitted"]) {
        return FaultCode::CameraForbidden;
    }
    if says(&["is not a capture device", "isn't a v4l2 driver", "This isn't a device"]) {
        return FaultCode::NotACamera;
    }
    if says(&["No such file", "No such device", "Cannot identify device", "No device specified"]) {
        return FaultCode::CameraMissing;
    }
    match error.kind::<ResourceError>() {
        Some(ResourceError::Busy) => return FaultCode::CameraBusy,
        Some(ResourceError::NotFound) => return FaultCode::CameraMissing,
        Some(ResourceError::NotAuthorized) => return FaultCode::CameraForbidden,
        _ => {}
    }
    match error.kind::<CoreError>() {
        Some(CoreError::MissingPlugin) => return FaultCode::ElementMissing,
        Some(CoreError::Negotiation | CoreError::Caps) => return FaultCode::CameraFormat,
        _ => {}
    }
    match error.kind::<StreamError>() {
        Some(StreamError::CodecNotFound) => return FaultCode::ElementMissing,
        _ if says(&["not-negotiated", "possible resolution", "set_format"]) => {
            return FaultCode::CameraFormat;
        }
        _ => {}
    }
    FaultCode::CameraError
}

/// The errno text that GStreamer appends to the debug string of what a system call refused.
fn system_error(debug: &str) -> String {
    debug
        .lines()
        .find_map(|line| line.split_once("system error: "))
        .map(|(_, errno)| format!(" ({})", errno.trim()))
        .unwrap_or_default()
}

/// The peer worker's reading of an error message.
pub(crate) fn of_peer(message: &gst::message::Error) -> Fault {
    let source = message.src().map(|s| s.name().to_string()).unwrap_or_default();
    let code = if source.starts_with("dtls") {
        FaultCode::DtlsClosed
    } else if source.starts_with("nice") {
        FaultCode::IceFailed
    } else {
        FaultCode::NegotiationFailed
    };
    let reason = reason(&message.debug().unwrap_or_default());
    Fault::new(code, format!("{source}: {}{reason}", message.error()))
}

/// What the element says of the cause, which stands below the place in its source.
fn reason(debug: &str) -> String {
    debug.split_once('\n').map(|(_, cause)| format!(" ({})", cause.trim())).unwrap_or_default()
}

/// Whether the error is one of the data channel's transport alone.
pub(crate) fn is_of_data_channel(message: &gst::message::Error) -> bool {
    message.src().is_some_and(|source| source.name().starts_with("sctp"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gst::glib;

    fn code_of(error: glib::Error, debug: &str) -> FaultCode {
        let text = format!("{error} {debug}");
        code(&error, &text)
    }

    #[test]
    fn what_v4l2src_says_has_a_code_of_its_own() {
        use gst::ResourceError as R;
        let open = |m: &str| glib::Error::new(R::OpenReadWrite, m);
        let cases = [
            (glib::Error::new(R::Busy, "Device '/dev/video0' is busy"), "", FaultCode::CameraBusy),
            (
                open("Could not open device"),
                "system error: Device or resource busy",
                FaultCode::CameraBusy,
            ),
            (
                open("Could not open device"),
                "system error: Permission denied",
                FaultCode::CameraForbidden,
            ),
            (
                open("Could not open device"),
                "system error: No such device",
                FaultCode::CameraMissing,
            ),
            (
                glib::Error::new(R::NotFound, "Cannot identify device '/dev/video9'."),
                "system error: No such file or directory",
                FaultCode::CameraMissing,
            ),
            (
                glib::Error::new(R::NotFound, "Device '/dev/video1' is not a capture device."),
                "Capabilities: 0x4",
                FaultCode::NotACamera,
            ),
            (
                glib::Error::new(R::Read, "Could not read from resource."),
                "system error: Input/output error",
                FaultCode::CameraError,
            ),
            (
                glib::Error::new(gst::StreamError::Failed, "Internal data stream error."),
                "streaming stopped, reason not-negotiated (-4)",
                FaultCode::CameraFormat,
            ),
        ];
        for (error, debug, expected) in cases {
            assert_eq!(code_of(error, debug), expected, "{debug}");
        }
    }

    #[test]
    fn the_errno_text_is_kept() {
        assert_eq!(
            system_error("v4l2_calls.c(1)\nsystem error: No such device"),
            " (No such device)"
        );
        assert_eq!(system_error("nothing"), "");
    }

    #[test]
    fn what_an_element_says_of_the_cause_is_kept() {
        gst::init().unwrap();
        let of = |debug: &str| {
            let error = gst::message::Error::builder(gst::ResourceError::Read, "Could not read.");
            let message = error.debug(debug).build();
            let gst::MessageView::Error(error) = message.view() else { unreachable!() };
            of_peer(error).detail
        };
        assert_eq!(
            of("gstdtlsdec.c(574): process ():\nFatal SSL error"),
            ": Could not read. (Fatal SSL error)"
        );
        assert_eq!(of("gstdtlsdec.c(574): process ():"), ": Could not read.");
    }
}
