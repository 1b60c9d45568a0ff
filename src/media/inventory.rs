// SPDX-License-Identifier: MIT OR Apache-2.0
//! What GStreamer has on this system, for `shutterctl doctor`. Drivers are asked what they are and give,
//! which opens their nodes for a moment; nothing streams.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use gst::prelude::*;
use shutterd::wire::Codec;
use shutterd::wire::inventory::{Capture, Encoder, Inventory, Origin};

use super::{EX_UNAVAILABLE, elements, log_to_stderr};

/// Sizes and formats that are named at most.
const SHOWN: usize = 12;
/// The classes whose properties every element has.
const COMMON: [&str; 2] = ["GstObject", "GstElement"];

/// Prints the inventory, in which `asked` are looked up, as JSON.
pub(crate) fn print(asked: impl Iterator<Item = String>) -> ExitCode {
    log_to_stderr();
    match take(asked).map(|inventory| serde_json::to_string(&inventory)) {
        // Whoever does not read to the end has no use for it.
        Ok(Ok(text)) => {
            writeln!(std::io::stdout(), "{text}").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!(%error, "no inventory");
    ExitCode::from(EX_UNAVAILABLE)
}

fn take(asked: impl Iterator<Item = String>) -> Result<Inventory, gst::glib::Error> {
    gst::init()?;
    let (major, minor, micro, _) = gst::version();
    Ok(Inventory {
        gstreamer: format!("{major}.{minor}.{micro}"),
        captures: captures(),
        encoders: encoders(),
        elements: asked.map(|name| (name.clone(), origin(&name))).collect(),
    })
}

fn origin(element: &str) -> Origin {
    match gst::ElementFactory::find(element).map(|factory| factory.plugin_name()) {
        Some(plugin) => Origin::Plugin(plugin.map(Into::into).unwrap_or_default()),
        None => Origin::Missing(elements::package(element).map(str::to_owned)),
    }
}

fn captures() -> Vec<Capture> {
    let monitor = gst::DeviceMonitor::new();
    monitor.add_filter(Some("Video/Source"), None);
    if let Err(error) = monitor.start() {
        tracing::debug!(%error, "no cameras can be listed");
        return Vec::new();
    }
    let mut captures: Vec<_> = monitor.devices().iter().filter_map(capture).collect();
    monitor.stop();
    captures.sort_by(|a, b| a.node.cmp(&b.node));
    captures.dedup_by(|a, b| a.node == b.node);
    captures
}

fn capture(device: &gst::Device) -> Option<Capture> {
    let properties = device.properties()?;
    // The first is the name of 1.24 and later.
    let node = ["api.v4l2.path", "device.path"]
        .iter()
        .find_map(|key| properties.get::<String>(*key).ok())?;
    let formats = device.caps().map(|caps| in_words(&caps)).unwrap_or_default();
    Some(Capture { node, name: device.display_name().into(), formats })
}

/// `640x480 up to 30 a second, …; YUY2, NV12, …`: each size once with its highest rate, and each format.
fn in_words(caps: &gst::CapsRef) -> String {
    let (mut sizes, mut formats) = (BTreeMap::<Size, f64>::new(), Vec::new());
    // What needs no converting first: some cameras list a dozen of a sensor's own before it.
    let (raw, other): (Vec<_>, Vec<_>) = caps.iter().partition(|one| one.name() == "video/x-raw");
    for structure in raw.into_iter().chain(other) {
        let highest = sizes.entry(size(structure)).or_default();
        *highest = highest.max(rate(structure));
        let own = match structure.value("format") {
            Ok(format) => strings(format),
            Err(_) => vec![structure.name().as_str().trim_start_matches("image/").to_uppercase()],
        };
        for format in own {
            // In a driver's own memory; what it is there stands elsewhere in the list.
            if format != "DMA_DRM" && !formats.contains(&format) {
                formats.push(format);
            }
        }
    }
    let sizes = sizes.iter().map(|(size, rate)| format!("{size} up to {rate:.0} a second"));
    format!("{}; {}", some(sizes.collect()), some(formats))
}

/// A size, or the largest of those that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Size(i32, i32);

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.0, self.1)
    }
}

fn size(structure: &gst::StructureRef) -> Size {
    let side = |name| {
        let range = || structure.get::<gst::IntRange<i32>>(name).map(|range| range.max());
        structure.get::<i32>(name).or_else(|_| range()).unwrap_or_default()
    };
    Size(side("width"), side("height"))
}

/// The highest of its rates, pictures per second; 0 where it says none.
fn rate(structure: &gst::StructureRef) -> f64 {
    let Ok(value) = structure.value("framerate") else { return 0.0 };
    let per_second = |rate: gst::Fraction| f64::from(rate.numer()) / f64::from(rate.denom());
    let one = |value: &gst::glib::SendValue| value.get::<gst::Fraction>().ok().map(per_second);
    if let Ok(rates) = value.get::<gst::List>() {
        return rates.iter().filter_map(one).fold(0.0, f64::max);
    }
    let range = || value.get::<gst::FractionRange>().map(|range| range.max());
    value.get::<gst::Fraction>().or_else(|_| range()).map(per_second).unwrap_or_default()
}

fn strings(value: &gst::glib::Value) -> Vec<String> {
    match value.get::<gst::List>() {
        Ok(list) => list.iter().filter_map(|value| value.get().ok()).collect(),
        Err(_) => value.get().into_iter().collect(),
    }
}

/// The first of them, and how many more.
fn some(mut words: Vec<String>) -> String {
    let more = words.len().saturating_sub(SHOWN);
    words.truncate(SHOWN);
    let text = words.join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}

fn encoders() -> Vec<Encoder> {
    let encoded = Codec::ALL.map(Codec::media_type);
    let makes = |factory: &gst::ElementFactory| {
        factory
            .static_pad_templates()
            .iter()
            .filter(|template| template.direction() == gst::PadDirection::Src)
            .any(|template| template.caps().iter().any(|s| encoded.contains(&s.name().as_str())))
    };
    let kind = gst::ElementFactoryType::VIDEO_ENCODER;
    let mut encoders: Vec<_> = gst::ElementFactory::factories_with_type(kind, gst::Rank::NONE)
        .iter()
        .filter(|factory| makes(factory))
        .map(encoder)
        .collect();
    encoders.sort_by(|a, b| b.hardware.cmp(&a.hardware).then_with(|| a.element.cmp(&b.element)));
    encoders
}

fn encoder(factory: &gst::ElementFactory) -> Encoder {
    let says = |key| factory.metadata(key).unwrap_or_default();
    // A driver's element says so by its name; not all say it by their class.
    let hardware = says("klass").contains("Hardware") || factory.name().starts_with("v4l2");
    Encoder {
        element: factory.name().into(),
        title: says("long-name").to_owned(),
        hardware,
        controls: controls(factory),
    }
}

/// None where it cannot be made: its hardware may not be there.
fn controls(factory: &gst::ElementFactory) -> Vec<String> {
    let Ok(element) = factory.create().build() else { return Vec::new() };
    element
        .list_properties()
        .iter()
        .filter(|property| property.flags().contains(gst::glib::ParamFlags::WRITABLE))
        .filter(|property| !COMMON.contains(&property.owner_type().name()))
        .map(|property| property.name().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(caps: &str) -> String {
        gst::init().unwrap();
        in_words(&caps.parse::<gst::Caps>().unwrap())
    }

    #[test]
    fn a_camera_in_a_line() {
        let webcam = "video/x-raw, format=YUY2, width=640, height=480, framerate={ (fraction)30/1, (fraction)15/1 }; \
            video/x-raw, format={ YUY2, NV12 }, width=320, height=240, framerate=(fraction)25/2; \
            image/jpeg, width=1280, height=720, framerate=(fraction)30/1; \
            image/jpeg, width=640, height=480, framerate=(fraction)60/1";
        assert_eq!(
            words(webcam),
            "320x240 up to 12 a second, 640x480 up to 60 a second, 1280x720 up to 30 a second; YUY2, NV12, JPEG"
        );
        let sensor = "video/x-bayer, format=rggb, width=64, height=48; video/x-raw, format=NV12, width=64, height=48; \
            video/x-raw(memory:DMABuf), format=DMA_DRM, width=64, height=48";
        assert_eq!(words(sensor), "64x48 up to 0 a second; NV12, rggb");
        let range = "video/x-raw, format=UYVY, width=[ 16, 1920 ], height=[ 16, 1080 ], framerate=[ 1/1, 50/1 ]";
        assert_eq!(words(range), "1920x1080 up to 50 a second; UYVY");
        assert_eq!(words("video/x-raw, format=UYVY"), "0x0 up to 0 a second; UYVY");
    }

    #[test]
    fn long_lists_are_cut() {
        let many: Vec<String> = (0..15).map(|n| n.to_string()).collect();
        assert_eq!(some(many), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more");
    }
}
