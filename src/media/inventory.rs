// SPDX-License-Identifier: MIT OR Apache-2.0
//! What GStreamer has on this system, for `shutterctl doctor`. Drivers are asked what they are and give,
//! which opens their nodes for a moment; nothing streams.

use std::io::Write;
use std::process::ExitCode;

use gst::prelude::*;
use shutterd::wire::inventory::{Capture, Encoder, Inventory, Origin};

use super::camera::formats;
use super::{EX_UNAVAILABLE, elements, log_to_stderr};

/// What encoders are to make: what the service knows, and what it may come to know.
const ENCODED: [&str; 3] = ["video/x-h264", "video/x-h265", "video/x-vp8"];
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
    let formats = device.caps().map(|caps| formats::in_words(&caps)).unwrap_or_default();
    Some(Capture { node, name: device.display_name().into(), formats })
}

fn encoders() -> Vec<Encoder> {
    let makes = |factory: &gst::ElementFactory| {
        factory
            .static_pad_templates()
            .iter()
            .filter(|template| template.direction() == gst::PadDirection::Src)
            .any(|template| template.caps().iter().any(|s| ENCODED.contains(&s.name().as_str())))
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
