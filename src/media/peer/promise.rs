// SPDX-License-Identifier: MIT OR Apache-2.0
//! Promises of webrtcbin as futures. The reply comes on webrtcbin's own thread, which must not be
//! kept: it is copied into a channel, and whoever waits may stop waiting.

use shutterd::lifecycle::{Fault, FaultCode};
use tokio::sync::oneshot;

/// A reply that is to come.
pub(super) struct Awaited(oneshot::Receiver<Option<gst::Structure>>);

/// A promise to give to webrtcbin, and its reply.
pub(super) fn promise() -> (gst::Promise, Awaited) {
    let (sender, reply) = oneshot::channel();
    let promise = gst::Promise::with_change_func(move |reply| {
        let reply = reply.ok().map(|r| r.map(ToOwned::to_owned).unwrap_or_else(nothing));
        // The command may have been overtaken meanwhile.
        let _ = sender.send(reply);
    });
    (promise, Awaited(reply))
}

fn nothing() -> gst::Structure {
    gst::Structure::new_empty("nothing")
}

impl Awaited {
    /// Waits for the reply.
    ///
    /// # Errors
    /// `code`, with what webrtcbin says, when it refuses; `negotiation-failed` when it is closed.
    pub(super) async fn reply(self, code: FaultCode) -> Result<gst::Structure, Fault> {
        let reply = self.0.await.ok().flatten().ok_or_else(|| {
            Fault::new(FaultCode::NegotiationFailed, "webrtcbin was closed before it replied")
        })?;
        match reply.get::<gst::glib::Error>("error") {
            Ok(error) => Err(Fault::new(code, error.message())),
            Err(_) => Ok(reply),
        }
    }
}
