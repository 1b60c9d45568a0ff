// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pushes that are to be there for as long as the service runs.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Pushes;
use crate::config::Push;
use crate::lifecycle::{Cause, FaultCode, StopReason};

/// Before a push that ended is begun again; doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// One that ran for so long had been taken well.
const GOOD: Duration = Duration::from_secs(30);

impl Pushes {
    /// Begins `push` anew whenever it has ended, after a pause where something failed. What keeps its camera
    /// shut, a sleep for example, is waited for. Resolves when somebody has stopped it, or the service ends.
    pub async fn keep(self, push: Push) {
        let mut pause = FIRST_PAUSE;
        loop {
            let seen = self.registry.status().serial;
            let began = Instant::now();
            match self.begin(&push) {
                Ok(session) => match session.ended().await.cause {
                    Cause::Requested { by: StopReason::Api | StopReason::Shutdown } => return,
                    // Shut: the next attempt says for how long.
                    Cause::Requested { .. } => continue,
                    cause => {
                        tracing::warn!(camera = push.camera, %cause, "a push ended; it is begun again");
                    }
                },
                Err(fault) if fault.code == FaultCode::ShuttingDown => return,
                Err(fault)
                    if [FaultCode::Sleeping, FaultCode::CameraShut].contains(&fault.code) =>
                {
                    self.registry.changed(seen).await;
                    continue;
                }
                Err(fault) => {
                    tracing::warn!(camera = push.camera, %fault, "a push cannot begin");
                }
            }
            if began.elapsed() >= GOOD {
                pause = FIRST_PAUSE;
            }
            sleep_until(Instant::now() + pause).await;
            pause = LONGEST_PAUSE.min(2 * pause);
        }
    }
}
