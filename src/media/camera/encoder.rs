// SPDX-License-Identifier: MIT OR Apache-2.0
//! The encoder's rate while it runs: each has its own property for it, in its own unit.

use gst::prelude::*;

/// How an encoder is told its rate.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Knob {
    /// A property in bits per second.
    Bits(&'static str),
    /// A property in units of 1000 bits per second.
    Kilobits(&'static str),
    /// A V4L2 control of the driver, in bits per second.
    Control(&'static str),
}

/// The encoders whose rate can be changed while they run: element factory, and how.
const KNOBS: &[(&str, Knob)] = &[
    ("mpph264enc", Knob::Bits("bps")),
    ("msdkh264enc", Knob::Kilobits("bitrate")),
    ("nvh264enc", Knob::Kilobits("bitrate")),
    ("nvv4l2h264enc", Knob::Bits("bitrate")),
    ("omxh264enc", Knob::Bits("target-bitrate")),
    ("openh264enc", Knob::Bits("bitrate")),
    ("qsvh264enc", Knob::Kilobits("bitrate")),
    ("v4l2h264enc", Knob::Control("video_bitrate")),
    ("v4l2vp8enc", Knob::Control("video_bitrate")),
    ("vaapih264enc", Knob::Kilobits("bitrate")),
    ("vah264enc", Knob::Kilobits("bitrate")),
    ("vah264lpenc", Knob::Kilobits("bitrate")),
    ("vp8enc", Knob::Bits("target-bitrate")),
    ("vpuenc_h264", Knob::Kilobits("bitrate")),
    ("x264enc", Knob::Kilobits("bitrate")),
];

/// The property of V4L2 elements that has their drivers' controls.
const CONTROLS: &str = "extra-controls";

/// Tells a running encoder its rate. One that is not known, or has no such property, keeps the rate
/// of its pipeline's text.
pub(super) fn set_bitrate(encoder: &gst::Element, bitrate: u32) {
    let factory = encoder.factory().map(|factory| factory.name()).unwrap_or_default();
    let Some((_, knob)) = KNOBS.iter().find(|(name, _)| *name == factory.as_str()) else {
        return tracing::debug!(%factory, "the rate of this encoder is left as it is");
    };
    match *knob {
        Knob::Bits(property) => set(encoder, property, bitrate),
        Knob::Kilobits(property) => set(encoder, property, (bitrate / 1000).max(1)),
        Knob::Control(control) => set_control(encoder, control, bitrate),
    }
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

    /// v4l2h264enc is there only where there is a driver for it; v4l2src has the same property.
    #[test]
    fn a_drivers_other_controls_stay() {
        let element = make("v4l2src");
        let controls = gst::Structure::builder("controls").field("h264_level", 11i32).build();
        element.set_property(CONTROLS, controls);
        set_control(&element, "video_bitrate", 500_000);
        set_control(&element, "video_bitrate", 400_000);
        let controls = element.property::<gst::Structure>(CONTROLS);
        assert_eq!(controls.get::<i32>("video_bitrate"), Ok(400_000));
        assert_eq!(controls.get::<i32>("h264_level"), Ok(11));
    }

    #[test]
    fn the_table_is_sorted_and_names_each_encoder_once() {
        assert!(KNOBS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
