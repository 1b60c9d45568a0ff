// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the viewer is still there. webrtcbin before 1.24 never notices that one has vanished, so
//! this does not rely on it: whatever comes from the viewer counts, and a viewer of which nothing
//! comes is sent a heartbeat on the data channel, which its SCTP acknowledges by itself.
//!
//! Without a data channel, and while nothing is sent, there is nothing to be acknowledged: then
//! ICE's states are all there is.

use std::time::Duration;

use shutterd::wire::Connection;
use tokio::time::{Instant, timeout, timeout_at};

use super::connection::Scene;
use super::negotiation::on;
use super::outage::{Next, Outage};
use super::signs::Signs;
use super::tap::Tap;
use crate::media::state::Stage;

/// A stage that takes longer is stuck, which must not hide the viewer's silence.
const STUCK: Duration = Duration::from_secs(1);

/// Reports a viewer that has vanished, and is done then. A timer runs about once a second or two,
/// and only while this does: while tracks are enabled.
pub(super) async fn watch(signs: &Signs, tap: &Tap, stage: &Stage<Scene>) {
    let mut connection = signs.watch_connection();
    let mut outage = Outage::new(Instant::now());
    loop {
        let state = *connection.borrow_and_update();
        let now = Instant::now();
        match state {
            Connection::Disconnected => outage.path_lost(now),
            Connection::Connected => outage.path_found(now),
            // Searching is not having found. A path that failed, or was closed, is an end by itself.
            Connection::Connecting | Connection::Failed | Connection::Closed => {}
        }
        match outage.next(now, signs.heard(), tap.sent()) {
            Next::Vanished => return signs.silent(),
            Next::Ask => {
                let left = ask(stage).await;
                outage.asked(Instant::now(), left);
            }
            // Whichever comes first.
            Next::Wait(until) => drop(timeout_at(until, connection.changed()).await),
        }
    }
}

/// Sends a heartbeat; whether it left.
async fn ask(stage: &Stage<Scene>) -> bool {
    let sent = timeout(STUCK, on(stage, |peer| Ok(peer.send_heartbeat()))).await;
    let left = matches!(sent, Ok(Ok(true)));
    tracing::debug!(left, "heartbeat");
    left
}
