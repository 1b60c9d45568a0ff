// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a running encoder is told: its rate, and that a keyframe is wanted. How, the table of the
//! board files says, [`shutterd::pipeline::encoders`].

use gst::prelude::*;
use shutterd::pipeline::encoders::{self, Encoder, Keyframe, Setting, Unit};

/// The property of V4L2 elements that has their drivers' controls.
const CONTROLS: &str = "extra-controls";

/// What is known of an encoder.
pub(super) fn known(encoder: &gst::Element) -> Option<&'static Encoder> {
    encoders::encoder(&encoder.factory()?.name())
}

/// Tells a running encoder its rate. One that is not known, or has no such property, keeps the rate
/// of its pipeline's text.
pub(super) fn set_bitrate(encoder: &gst::Element, bitrate: u32) {
    let Some(Encoder { rate: (setting, unit), .. }) = known(encoder) else {
        return tracing::debug!(encoder = %encoder.name(), "its rate is left as it is");
    };
    let value = match unit {
        Unit::Bits => bitrate,
        Unit::Kilobits => (bitrate / 1000).max(1),
    };
    match setting {
        Setting::Property(property) => set(encoder, property, value),
        Setting::Control(control) => set_control(encoder, control, value),
        // Caps are settled when it starts.
        Setting::Caps(_) => {}
    }
}

/// Asks an encoder for a keyframe that does not hear of it by GStreamer's event. Says whether it is
/// such a one.
pub(super) fn force_keyframe(encoder: &gst::Element) -> bool {
    let Some(Encoder { keyframe: Keyframe::Action(action), .. }) = known(encoder) else {
        return false;
    };
    // A release that has lost its action may have learned the event.
    let has = gst::glib::subclass::SignalId::lookup(action, encoder.type_()).is_some();
    if has {
        encoder.emit_by_name::<()>(action, &[]);
    }
    has
}

/// Elements differ in the type of this number, which its text does not.
fn set(encoder: &gst::Element, property: &str, value: u32) {
    if encoder.find_property(property).is_some() {
        encoder.set_property_from_str(property, &value.to_string());
    }
}

/// With the controls that the text set, which would be forgotten else. While the device is open the
/// driver is told at once.
fn set_control(encoder: &gst::Element, control: &str, value: u32) {
    if encoder.find_property(CONTROLS).is_none() {
        return;
    }
    let controls = encoder.property::<Option<gst::Structure>>(CONTROLS);
    let mut controls = controls.unwrap_or_else(|| gst::Structure::new_empty("controls"));
    controls.set(control, i32::try_from(value).unwrap_or(i32::MAX));
    encoder.set_property(CONTROLS, controls);
}

#[cfg(test)]
mod tests {
    use super::super::boards;
    use super::*;

    fn make(factory: &str) -> gst::Element {
        gst::init().unwrap();
        gst::ElementFactory::make(factory).build().unwrap()
    }

    #[test]
    fn each_encoder_is_told_in_its_unit() {
        let x264 = make("x264enc");
        set_bitrate(&x264, 345_678);
        assert_eq!(x264.property::<u32>("bitrate"), 345);
        set_bitrate(&x264, 10);
        assert_eq!(x264.property::<u32>("bitrate"), 1);
        let vp8 = make("vp8enc");
        set_bitrate(&vp8, 345_000);
        assert_eq!(vp8.property::<i32>("target-bitrate"), 345_000);
        let openh264 = make("openh264enc");
        set_bitrate(&openh264, 345_000);
        assert_eq!(openh264.property::<u32>("bitrate"), 345_000);
        // It encodes nothing, and has no rate.
        set_bitrate(&make("identity"), 345_678);
    }

    #[test]
    fn a_drivers_other_controls_stay() {
        boards::stand_in();
        let element = make("v4l2h264enc");
        let controls = gst::Structure::builder("controls").field("h264_level", 11i32).build();
        element.set_property(CONTROLS, controls);
        set_bitrate(&element, 500_000);
        set_bitrate(&element, 400_000);
        let controls = element.property::<gst::Structure>(CONTROLS);
        assert_eq!(controls.get::<i32>("video_bitrate"), Ok(400_000));
        assert_eq!(controls.get::<i32>("h264_level"), Ok(11));
    }

    #[test]
    fn only_who_lets_the_event_pass_is_asked_by_an_action() {
        boards::stand_in();
        assert!(force_keyframe(&make("nvv4l2h264enc")));
        assert!(!force_keyframe(&make("v4l2h264enc")));
        assert!(!force_keyframe(&make("x264enc")));
        assert!(!force_keyframe(&make("identity")));
    }
}
