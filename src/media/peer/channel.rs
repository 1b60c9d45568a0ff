// SPDX-License-Identifier: MIT OR Apache-2.0
//! The data channel: text, both ways, of bounded size.

use std::sync::Arc;

use gst::prelude::*;
use gst_webrtc::{WebRTCDataChannel, WebRTCDataChannelState};
use shutterd::lifecycle::Fault;

use super::connection::Peer;
use super::signs::{MAX_TEXT, Signs};
use super::wrong_state;

/// The label of the device's own channel.
const LABEL: &str = "shutter";

/// What may wait to be sent: a viewer that does not read loses messages, not our memory.
const BUFFERED: u64 = 256 << 10;

/// Says nothing, and is acknowledged all the same. Viewers ignore it.
const HEARTBEAT: &str = r#"{"type":"heartbeat"}"#;

/// Reports what comes on `channel`. webrtcbin keeps the viewer's channels itself.
pub(super) fn listen(channel: &WebRTCDataChannel, signs: &Arc<Signs>) {
    let signs = Arc::clone(signs);
    channel.connect_on_message_string(move |_, text| {
        if let Some(text) = text {
            signs.message(text);
        }
    });
}

impl Peer {
    /// Makes the device's channel. Where the viewer's offer has no `m=application` it never opens,
    /// and everything else works.
    pub(super) fn create_channel(&mut self) -> Result<(), Fault> {
        if self.channel.is_some() {
            return Err(wrong_state("the data channel was created before"));
        }
        let options = None::<gst::Structure>;
        let channel = self
            .webrtc
            .emit_by_name::<Option<WebRTCDataChannel>>("create-data-channel", &[&LABEL, &options]);
        if let Some(channel) = &channel {
            listen(channel, &self.signs);
        }
        self.channel = channel;
        Ok(())
    }

    /// Sends `text` on the device's channel.
    pub(super) fn send_text(&self, text: &str) -> Result<(), Fault> {
        if text.len() > MAX_TEXT {
            return Err(wrong_state(&format!("a message of more than {MAX_TEXT} bytes")));
        }
        let channel =
            self.open_channel().ok_or_else(|| wrong_state("the data channel is not open"))?;
        if channel.buffered_amount() > BUFFERED {
            return Err(wrong_state("the viewer does not read what was sent before"));
        }
        channel.send_string_full(Some(text)).map_err(|error| wrong_state(error.message()))
    }

    /// Sends a heartbeat, which the viewer's SCTP acknowledges by itself. Whether an
    /// acknowledgement is to be expected now.
    pub(super) fn send_heartbeat(&self) -> bool {
        self.open_channel().is_some_and(|channel| {
            // What waits already asks for one.
            channel.buffered_amount() > BUFFERED
                || channel.send_string_full(Some(HEARTBEAT)).is_ok()
        })
    }

    fn open_channel(&self) -> Option<&WebRTCDataChannel> {
        self.channel.as_ref().filter(|c| c.ready_state() == WebRTCDataChannelState::Open)
    }

    /// Closes the device's channel. That the viewer agrees is not waited for.
    pub(super) fn destroy_channel(&mut self) {
        if let Some(channel) = self.channel.take() {
            channel.close();
        }
    }
}
