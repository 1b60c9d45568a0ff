// SPDX-License-Identifier: MIT OR Apache-2.0
//! A camera that stops delivering without a word: drivers that lose their sensor report no error,
//! and GStreamer waits for ever.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::CameraFact;
use tokio::sync::watch;
use tokio::time::Instant;

use super::capture::Progress;
use crate::media::control::Reporter;

/// How long a running camera may deliver nothing: three frames at the lowest rate there is.
const BOUND: Duration = Duration::from_secs(3);

/// When the last frame came.
#[derive(Debug)]
pub(super) struct LastFrame {
    began: Instant,
    /// Milliseconds since `began`.
    at: AtomicU64,
}

impl Default for LastFrame {
    fn default() -> Self {
        Self { began: Instant::now(), at: AtomicU64::new(0) }
    }
}

impl LastFrame {
    /// A frame came now. Never waits.
    pub(super) fn note(&self) {
        let now = self.began.elapsed().as_millis();
        self.at.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn at(&self) -> Instant {
        self.began + Duration::from_millis(self.at.load(Ordering::Relaxed))
    }
}

/// Reports a camera that delivers nothing for [`BOUND`], until `progress` is not flowing any more.
/// A timer runs at most once in that time.
pub(super) async fn watch(
    last: &LastFrame,
    progress: &watch::Sender<Progress>,
    reporter: &Reporter<CameraFact>,
) {
    let mut changed = progress.subscribe();
    loop {
        let deadline = last.at() + BOUND;
        let over = |now: &Progress| *now != Progress::Flowing;
        tokio::select! {
            biased;
            _ = changed.wait_for(over) => return,
            () = tokio::time::sleep_until(deadline) => {}
        }
        if last.at() + BOUND > deadline {
            continue;
        }
        let fault = Fault::new(FaultCode::NoFrames, format!("no frame for {BOUND:?}"));
        let is_news = progress.send_if_modified(|now| {
            let flowing = *now == Progress::Flowing;
            if flowing {
                *now = Progress::Failed(fault.clone());
            }
            flowing
        });
        if is_news {
            reporter.fact(CameraFact::Failed(fault));
        }
        return;
    }
}
