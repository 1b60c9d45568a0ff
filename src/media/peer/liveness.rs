// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the viewer is still there. webrtcbin before 1.24 never notices that one has vanished;
//! a receiver of RTP answers with RTCP about each second, and one that has gone does not.

use std::time::Duration;

use tokio::time::Instant;

use super::signs::Signs;
use super::tap::Tap;

/// How long a viewer that is being sent to may say nothing.
const BOUND: Duration = Duration::from_secs(5);

/// A stream that pauses for longer is not being sent: then there is nothing to answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Reports a viewer that is silent for [`BOUND`] while packets leave. A timer runs at most once in
/// that time, and only while tracks are enabled.
pub(super) async fn watch(signs: &Signs, tap: &Tap) {
    let mut since = Instant::now();
    loop {
        let deadline = since.max(signs.heard_at()) + BOUND;
        tokio::time::sleep_until(deadline).await;
        if signs.heard_at() + BOUND > deadline {
            continue;
        }
        if tap.last_at() + PAUSE >= deadline {
            return signs.silent();
        }
        since = deadline;
    }
}
