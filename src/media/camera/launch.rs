// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a pipeline file's text to a pipeline that ends in a sink of ours.

use gst::prelude::*;
use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::Codec;

use crate::media::elements;

/// The elements that are added to every pipeline text.
pub(super) const TAIL: &[&str] = &["h264parse", "h265parse", "capsfilter", "appsink"];

/// Builds what the text says, all of it or nothing.
pub(super) fn parse(launch: &str) -> Result<gst::Pipeline, Fault> {
    let mut context = gst::ParseContext::new();
    let flags = gst::ParseFlags::FATAL_ERRORS;
    // The notation has caps between two elements only; a text may well end with them.
    let whole = match ends_with_caps(launch) {
        true => format!("{launch} ! capsfilter"),
        false => launch.to_owned(),
    };
    let parsed = gst::parse::launch_full(&whole, Some(&mut context), flags);
    let parsed = parsed.map_err(|error| {
        let made = |factory: &str| gst::ElementFactory::make(factory).build().is_ok();
        match absent(&context.missing_elements(), made) {
            Some(missing) => elements::missing(missing),
            None => invalid(error.to_string()),
        }
    })?;
    // A text of a single element gives that element and no pipeline.
    parsed.downcast().map_err(|_| invalid("it is one element, not a chain".into()))
}

/// The first of `suspects` that there is not. The parser suspects those too that only lack a property;
/// and of one that the registry knows, but whose plugin has it no more, it says that its first property
/// is unknown.
fn absent(suspects: &[String], made: impl Fn(&str) -> bool) -> Option<&str> {
    suspects.iter().map(String::as_str).find(|factory| !made(factory))
}

fn ends_with_caps(launch: &str) -> bool {
    let last = launch.rsplit('!').next().unwrap_or_default().trim_start();
    let name = last.split(|c: char| c == ',' || c == '(' || c.is_whitespace()).next();
    name.is_some_and(|name| name.contains('/') && !name.contains('='))
}

/// The element of that name.
pub(super) fn named(pipeline: &gst::Pipeline, name: &str) -> Result<gst::Element, Fault> {
    pipeline.by_name(name).ok_or_else(|| invalid(format!("it has no element with name={name}")))
}

/// The text is at fault.
pub(super) fn invalid(detail: String) -> Fault {
    Fault::new(FaultCode::PipelineInvalid, detail)
}

/// The end of every pipeline: whole access units with parameter sets at each keyframe. As `avc`, or
/// `hvc1`, for then the caps have `codec_data` and a payloader knows its own caps without any data.
pub(super) fn add_tail(pipeline: &gst::Pipeline, codec: Codec) -> Result<gst_app::AppSink, Fault> {
    let end = open_end(pipeline)
        .ok_or_else(|| invalid("no output is left open for the encoded stream".into()))?;
    let sink = elements::make("appsink")?;
    sink.set_property("name", "shutterd-sink");
    sink.set_property("sync", false);
    // The last sample would keep a buffer of the encoder, and with it the camera.
    sink.set_property("enable-last-sample", false);
    sink.set_property("max-buffers", 2u32);
    sink.set_property("drop", true);
    let mut chain = Vec::new();
    let parsed = match codec {
        Codec::H264 => Some((elements::make("h264parse")?, "avc")),
        Codec::H265 => Some((elements::make("h265parse")?, "hvc1")),
        Codec::Vp8 => None,
    };
    if let Some((parser, format)) = parsed {
        parser.set_property("config-interval", -1i32);
        let filter = elements::make("capsfilter")?;
        let caps = gst::Caps::builder(codec.media_type())
            .field("stream-format", format)
            .field("alignment", "au")
            .build();
        filter.set_property("caps", caps);
        chain.extend([parser, filter]);
    } else {
        sink.set_property("caps", gst::Caps::new_empty_simple(codec.media_type()));
    }
    chain.push(sink.clone());
    let no_link = |error: gst::glib::BoolError| {
        invalid(format!("its output is not {} that can be taken: {error}", codec.encoding_name()))
    };
    pipeline.add_many(&chain).map_err(no_link)?;
    gst::Element::link_many(&chain).map_err(no_link)?;
    let first = chain.first().and_then(|e| e.static_pad("sink"));
    let first = first.ok_or_else(|| invalid("the tail has no input".into()))?;
    end.link(&first).map_err(|error| {
        invalid(format!("its output is not {}: {error}", codec.encoding_name()))
    })?;
    if let Some(pad) = open_end(pipeline) {
        let owner = pad.parent_element().map(|e| e.name().to_string()).unwrap_or_default();
        return Err(invalid(format!("`{owner}` has a second output that leads nowhere")));
    }
    sink.downcast().map_err(|_| invalid("appsink is something else here".into()))
}

/// An output of the pipeline's own elements that leads nowhere. Bins are not looked into: what is
/// open inside a decodebin is its own business.
fn open_end(pipeline: &gst::Pipeline) -> Option<gst::Pad> {
    let elements = pipeline.iterate_elements().into_iter().flatten();
    elements.flat_map(|element| element.src_pads()).find(|pad| !pad.is_linked())
}

#[cfg(test)]
mod tests {
    use super::{absent, ends_with_caps};

    #[test]
    fn an_element_that_lacks_a_property_is_not_missing() {
        let suspects = ["x264enc".to_owned(), "v4l2h264enc".to_owned()];
        assert_eq!(absent(&suspects, |factory| factory == "x264enc"), Some("v4l2h264enc"));
        assert_eq!(absent(&suspects, |_| true), None);
        assert_eq!(absent(&[], |_| false), None);
    }

    #[test]
    fn caps_at_the_end_are_told_from_elements() {
        assert!(ends_with_caps("a ! x264enc ! video/x-h264,profile=baseline"));
        assert!(ends_with_caps("a ! x264enc !\n video/x-raw(memory:DMABuf), width=1\n"));
        assert!(!ends_with_caps("a ! video/x-h264 ! h264parse"));
        assert!(!ends_with_caps("v4l2src device=/dev/video0"));
        assert!(!ends_with_caps(""));
    }
}
