// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the viewer is still there. webrtcbin before 1.24 never notices that one has vanished;
//! a receiver of RTP answers with RTCP about each second, and one that has gone does not.

use std::time::Duration;

use tokio::time::Instant;

use super::signs::Signs;
use super::tap::Tap;

/// How long a viewer that is being sent to may say nothing.
const BOUND: Duration = Duration::from_secs(5);

/// Reports a viewer that is silent for [`BOUND`] while packets leave. A timer runs at most once in
/// that time, and only while tracks are enabled. While nothing is sent, nothing is to be heard.
pub(super) async fn watch(signs: &Signs, tap: &Tap) {
    let mut since = Instant::now();
    loop {
        let (before, _) = tap.totals();
        let deadline = since.max(signs.heard_at()) + BOUND;
        tokio::time::sleep_until(deadline).await;
        let heard = signs.heard_at();
        if heard + BOUND > deadline {
            since = heard;
        } else if tap.totals().0 == before {
            since = deadline;
        } else {
            return signs.silent();
        }
    }
}
