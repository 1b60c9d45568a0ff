// SPDX-License-Identifier: MIT OR Apache-2.0
//! The header extension that asks a viewer to show each picture as soon as it is there
//! (`playout-delay` of libwebrtc). Without it a browser keeps some back, to show them evenly.

use gst::glib;
use gst::subclass::prelude::*;
use gst_rtp::RTPHeaderExtensionFlags;
use gst_rtp::subclass::prelude::*;
use shutterd::wire::PLAYOUT_DELAY;

/// Least and most delay, twelve bits each, in hundredths of a second.
const AT_ONCE: [u8; 3] = [0; 3];

/// The extension as an object of GStreamer.
#[derive(Debug, Default)]
pub(super) struct Writer;

#[glib::object_subclass]
impl ObjectSubclass for Writer {
    const NAME: &'static str = "ShutterdPlayoutDelay";
    type Type = PlayoutDelay;
    type ParentType = gst_rtp::RTPHeaderExtension;
}

impl ObjectImpl for Writer {}
impl GstObjectImpl for Writer {}

impl ElementImpl for Writer {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        use std::sync::LazyLock;
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            let class = "Network/Extension/RTPHeader";
            gst::subclass::ElementMetadata::new("Playout delay", class, "Asks for none", "shutterd")
        });
        Some(&METADATA)
    }
}

impl RTPHeaderExtensionImpl for Writer {
    const URI: &'static str = PLAYOUT_DELAY;

    fn supported_flags(&self) -> RTPHeaderExtensionFlags {
        RTPHeaderExtensionFlags::ONE_BYTE | RTPHeaderExtensionFlags::TWO_BYTE
    }

    fn max_size(&self, _input: &gst::BufferRef) -> usize {
        AT_ONCE.len()
    }

    fn write(
        &self,
        _input: &gst::BufferRef,
        _flags: RTPHeaderExtensionFlags,
        _output: &gst::BufferRef,
        data: &mut [u8],
    ) -> Result<usize, gst::LoggableError> {
        let space = data.get_mut(..AT_ONCE.len());
        let space = space.ok_or_else(|| gst::loggable_error!(gst::CAT_RUST, "no space"))?;
        space.copy_from_slice(&AT_ONCE);
        Ok(AT_ONCE.len())
    }
}

glib::wrapper! {
    /// Asks for no delay.
    pub(super) struct PlayoutDelay(ObjectSubclass<Writer>)
        @extends gst_rtp::RTPHeaderExtension, gst::Element, gst::Object;
}

impl PlayoutDelay {
    /// Of no number yet.
    pub(super) fn new() -> Self {
        glib::Object::new()
    }
}

#[cfg(test)]
mod tests {
    use gst::prelude::*;
    use gst_rtp::RTPBuffer;
    use shutterd::wire::{Extensions, TRANSPORT_CC};

    use crate::media::peer::extensions;
    use crate::media::state::Stage;

    /// What GStreamer's own payloader writes, and says of it.
    #[tokio::test]
    async fn packets_have_the_extensions_under_their_numbers() {
        gst::init().unwrap();
        let text = "videotestsrc num-buffers=1 ! vp8enc ! rtpvp8pay name=payloader \
                    ! appsink name=out sync=false";
        let pipeline = gst::parse::launch(text).unwrap().downcast::<gst::Pipeline>().unwrap();
        let payloader = pipeline.by_name("payloader").unwrap();
        let numbers = Extensions { transport_cc: Some(3), playout_delay: Some(5) };
        extensions::add(&payloader, numbers);
        let stage = Stage::<()>::new("test").unwrap();
        let bring = |state| {
            let whole = pipeline.clone();
            stage.run(move |(), here| here.bring(whole.upcast_ref(), state))
        };
        bring(gst::State::Playing).await.unwrap().unwrap();
        let out = pipeline.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
        let sample = out.try_pull_sample(gst::ClockTime::from_seconds(10)).unwrap();
        let caps = sample.caps().unwrap().structure(0).unwrap().to_owned();
        assert_eq!(caps.get::<&str>("extmap-5"), Ok(super::PLAYOUT_DELAY));
        assert_eq!(caps.get::<&str>("extmap-3"), Ok(TRANSPORT_CC));
        let packet = RTPBuffer::from_buffer_readable(sample.buffer().unwrap()).unwrap();
        assert_eq!(packet.extension_onebyte_header(5, 0), Some(&[0, 0, 0][..]));
        assert_eq!(packet.extension_onebyte_header(3, 0).map(<[u8]>::len), Some(2));
        assert_eq!(packet.extension_onebyte_header(4, 0), None);
        bring(gst::State::Null).await.unwrap().unwrap();
    }
}
