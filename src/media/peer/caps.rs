// SPDX-License-Identifier: MIT OR Apache-2.0
//! The caps of the RTP stream: preferred, promised before there is a stream, and kept as the viewer
//! and we have said them.

use gst::prelude::*;
use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::{Codec, Promise, VideoTrack};

use super::extensions;

/// The profile that every viewer decodes: constrained baseline 3.1.
const COMMON_PROFILE: &str = "42e01f";

/// The level of H.265 that is meant where none is said (RFC 7798, 7.1): 3.1.
const COMMON_LEVEL: u8 = 93;

/// What the transceiver takes. No profile: it would have to equal the offer's letter by letter.
pub(super) fn preferences(video: &VideoTrack) -> gst::Caps {
    let mut caps = gst::Caps::builder("application/x-rtp")
        .field("media", "video")
        .field("encoding-name", video.codec.encoding_name())
        .field("clock-rate", 90_000i32)
        .field("payload", i32::from(video.payload));
    if video.codec == Codec::H264 {
        caps = caps.field("packetization-mode", "1");
    }
    let mut caps = caps.build();
    if let Some(caps) = caps.get_mut() {
        extensions::describe(caps, video.extensions);
    }
    caps
}

/// The caps that the payloader will have, told to webrtcbin before there is a stream: it writes
/// ssrc and profile into the description only from caps that have reached its pad.
///
/// # Errors
/// `negotiation-failed` for a payloader without pads.
pub(super) fn promise_caps(
    payloader: &gst::Element,
    video: &VideoTrack,
    promise: &Promise,
    ssrc: u32,
) -> Result<(), Fault> {
    let pad = |name| {
        let missing =
            || Fault::new(FaultCode::NegotiationFailed, format!("no payloader pad `{name}`"));
        payloader.static_pad(name).ok_or_else(missing)
    };
    let (from, behind) = (pad("src")?, pad("sink")?);
    let mut caps = preferences(video);
    if let Some(caps) = caps.get_mut() {
        caps.set("ssrc", ssrc);
        for (parameter, value) in format_of(video.codec, promise) {
            caps.set(parameter, value);
        }
    }
    let stream = format!("promise-{ssrc}");
    // The source's thread sends its stream-start meanwhile, under this lock. A sticky event that one
    // thread stores on a pad while another pushes there is taken by each for the other's to push
    // (seen with GStreamer 1.22), and arrives with the next buffer: which here never comes.
    let _turn = behind.stream_lock();
    from.push_event(gst::event::StreamStart::new(&stream));
    from.push_event(gst::event::Caps::new(&caps));
    Ok(())
}

/// Parameters of `a=fmtp` that say what a decoder must be able to do, with their values.
pub(super) type Format = Vec<(&'static str, String)>;

/// Those that are of a codec's format. H.265 is sent in one stream (`tx-mode`), and browsers say so.
const PARAMETERS: [&str; 5] =
    ["profile-level-id", "profile-id", "tier-flag", "level-id", "tx-mode"];

/// The format that is promised.
pub(super) fn format_of(codec: Codec, promise: &Promise) -> Format {
    match codec {
        Codec::H264 => {
            let profile = promise.profile_level_id.as_deref().unwrap_or(COMMON_PROFILE);
            vec![("profile-level-id", profile.to_owned())]
        }
        Codec::H265 => vec![
            ("profile-id", "1".to_owned()),
            ("tier-flag", "0".to_owned()),
            ("level-id", promise.level_id.unwrap_or(COMMON_LEVEL).to_string()),
            ("tx-mode", "SRST".to_owned()),
        ],
        Codec::Vp8 => Vec::new(),
    }
}

/// The format that our caps say in an answer. What they do not say webrtcbin takes from the offer.
pub(super) fn format_of_offer(video: &VideoTrack) -> Format {
    let profile = video.profile_level_id.clone();
    profile.map(|profile| ("profile-level-id", profile)).into_iter().collect()
}

/// An offer names the format that the viewer takes, and the daemon has chosen a payload type whose
/// format is ours. The answer repeats it: caps with our own level would have to equal it letter by
/// letter, or webrtcbin answers `inactive`. What was promised in an offer of ours stays as it was
/// said, likewise: the stream may come while its answer is on the way. The payloader of H.265 says
/// nothing of its format up to GStreamer 1.22, and all of it later.
pub(super) fn keep_format(from: &gst::Pad, said: Format) {
    from.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let Some(gst::PadProbeData::Event(event)) = &info.data else {
            return gst::PadProbeReturn::Ok;
        };
        if let gst::EventView::Caps(caps) = event.view() {
            let mut caps = caps.caps_owned();
            for format in caps.make_mut().iter_mut() {
                format.remove_fields(PARAMETERS);
                for (parameter, value) in &said {
                    format.set(*parameter, value);
                }
            }
            info.data = Some(gst::PadProbeData::Event(gst::event::Caps::new(&caps)));
        }
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use shutterd::wire::Extensions;

    use super::*;
    use crate::media::state::Stage;

    /// For what happens at once, or never.
    const SHORTLY: Duration = Duration::from_millis(200);
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Calls `then` when the source's own stream-start passes `pad`.
    fn on_sources_start(pad: &gst::Pad, then: impl Fn() + Send + Sync + 'static) {
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if let Some(gst::EventView::StreamStart(start)) = info.event().map(|e| e.view())
                && !start.stream_id().starts_with("promise")
            {
                then();
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Each thread is held where GStreamer has let go of the pad's lock: the source's while its
    /// stream-start passes, the other's when the caps are stored and not yet pushed. So the source's
    /// finds them pending, and that they come after what it pushes; and the other's finds none.
    #[tokio::test]
    async fn a_promise_is_not_lost_between_two_threads() {
        gst::init().unwrap();
        let pipeline = gst::Pipeline::new();
        let make = |name| gst::ElementFactory::make(name).build().unwrap();
        let chain = [make("appsrc"), make("rtph264pay"), make("fakesink")];
        chain[0].set_property("is-live", true);
        pipeline.add_many(&chain).unwrap();
        gst::Element::link_many(&chain).unwrap();
        let from = chain[1].static_pad("src").unwrap();
        let at = chain[2].static_pad("sink").unwrap();

        let (started, start) = mpsc::channel();
        let (stored, caps_stored) = mpsc::channel();
        let (passed, start_passed) = mpsc::channel();
        let (promised, done) = mpsc::channel();
        let (arrived, arrival) = mpsc::channel();
        let start_passed = std::sync::Mutex::new(start_passed);
        from.connect_caps_notify(move |_| {
            let _ = stored.send(());
            let _ = start_passed.lock().unwrap().recv_timeout(SHORTLY);
        });
        at.connect_caps_notify(move |_| {
            let _ = arrived.send(());
        });
        let caps_stored = std::sync::Mutex::new(caps_stored);
        on_sources_start(&from, move || {
            let _ = started.send(());
            let _ = caps_stored.lock().unwrap().recv_timeout(SHORTLY);
        });
        let done = std::sync::Mutex::new(done);
        on_sources_start(&at, move || {
            let _ = passed.send(());
            let _ = done.lock().unwrap().recv_timeout(SHORTLY);
        });
        let stage = Stage::<()>::new("test").unwrap();
        let bring = |state| {
            let whole = pipeline.clone();
            stage.run(move |(), here| here.bring(whole.upcast_ref(), state))
        };
        bring(gst::State::Playing).await.unwrap().unwrap();
        start.recv_timeout(PATIENCE).unwrap();

        let video = VideoTrack {
            codec: Codec::H264,
            payload: 96,
            profile_level_id: None,
            promise: Some(Promise::default()),
            bitrate: 1_000_000,
            extensions: Extensions::default(),
        };
        promise_caps(&chain[1], &video, video.promise.as_ref().unwrap(), 1).unwrap();
        let _ = promised.send(());
        arrival.recv_timeout(PATIENCE).expect("the caps arrive");
        bring(gst::State::Null).await.unwrap().unwrap();
    }
}
