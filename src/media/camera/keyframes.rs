// SPDX-License-Identifier: MIT OR Apache-2.0
//! Wishes for a keyframe, from any number of viewers, made into few: each costs every viewer bits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::pipeline::Pipeline;
use crate::media::state::Stage;

/// Keyframes are forced at most this often.
const APART: Duration = Duration::from_millis(100);

/// Passes each wish to the encoder. A wish that comes too soon after another waits and is merged
/// with what else comes meanwhile; none is lost, and without wishes no timer runs.
pub(super) async fn serve(wishes: Arc<Notify>, stage: Stage<Option<Pipeline>>) {
    let mut next = Instant::now();
    loop {
        wishes.notified().await;
        if Instant::now() < next {
            tokio::time::sleep_until(next).await;
        }
        next = Instant::now() + APART;
        stage.post(|scene, _| scene.iter().for_each(Pipeline::force_keyframe));
    }
}
