// SPDX-License-Identifier: MIT OR Apache-2.0
//! What closes cameras from outside: a sleep that is announced, switches of input devices. Each
//! says `shut` and `allow` to the registry and knows nothing of sessions.

mod inputs;
mod sleep;
mod switches;

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use self::inputs::Inputs;
use crate::config::Config;
use crate::session::Registry;

/// How long the switches may take to say how they stand before the service begins without them.
const ASKED_WITHIN: Duration = Duration::from_secs(1);

/// What is listened to. Dropping it ends the listening; what is shut stays so.
#[derive(Debug)]
pub struct Triggers {
    #[expect(dead_code, reason = "its drop ends the tasks")]
    listening: JoinSet<()>,
}

impl Triggers {
    /// Listens to what `config` names. Returns when the switches that there are have been asked,
    /// within a second. Must be called within a tokio runtime.
    pub async fn listen(config: &Config, registry: &Registry) -> Self {
        let mut listening = JoinSet::new();
        if config.closes_for_sleep {
            listening.spawn(sleep::follow(registry.clone()));
        }
        let doors = switches::doors(&config.switches, registry, &mut listening);
        match Inputs::new(doors) {
            Ok(mut inputs) => {
                if timeout(ASKED_WITHIN, inputs.find()).await.is_err() {
                    tracing::warn!(
                        "an input device does not answer; its switches are not known yet"
                    );
                }
                listening.spawn(inputs.follow());
            }
            Err(error) => tracing::warn!(%error, "no switch is heard"),
        }
        Self { listening }
    }
}
