// SPDX-License-Identifier: MIT OR Apache-2.0
//! Promises of webrtcbin as futures. The reply comes on webrtcbin's own thread, which must not be
//! kept: it is copied into a channel, and whoever waits may stop waiting. What nobody waits for is
//! interrupted: webrtcbin drops what is queued when it closes, and replies to none of it.

use shutterd::lifecycle::{Fault, FaultCode};
use tokio::sync::oneshot;

/// A reply that is to come. Dropping it tells webrtcbin that it is not wanted any more.
pub(super) struct Awaited {
    promise: gst::Promise,
    reply: oneshot::Receiver<Option<gst::Structure>>,
}

/// A promise to give to webrtcbin, and its reply.
pub(super) fn promise() -> (gst::Promise, Awaited) {
    let (sender, reply) = oneshot::channel();
    let promise = gst::Promise::with_change_func(move |reply| {
        let reply = reply.ok().map(|r| r.map(ToOwned::to_owned).unwrap_or_else(nothing));
        // The command may have been overtaken meanwhile.
        let _ = sender.send(reply);
    });
    (promise.clone(), Awaited { promise, reply })
}

fn nothing() -> gst::Structure {
    gst::Structure::new_empty("nothing")
}

impl Awaited {
    /// Waits for the reply.
    ///
    /// # Errors
    /// `code`, with what webrtcbin says, when it refuses; `negotiation-failed` when it is closed.
    pub(super) async fn reply(mut self, code: FaultCode) -> Result<gst::Structure, Fault> {
        let reply = (&mut self.reply).await.ok().flatten().ok_or_else(|| {
            Fault::new(FaultCode::NegotiationFailed, "webrtcbin was closed before it replied")
        })?;
        match reply.get::<gst::glib::Error>("error") {
            Ok(error) => Err(Fault::new(code, error.message())),
            Err(_) => Ok(reply),
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        // Changes nothing where the reply has come; a reply that comes now is lost.
        self.promise.interrupt();
    }
}
