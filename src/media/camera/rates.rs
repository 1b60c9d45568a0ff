// SPDX-License-Identifier: MIT OR Apache-2.0
//! One encoder for paths of different widths. The policy, without a clock:
//!
//! * the encoder makes what the narrowest path takes, and never more than the configuration says;
//! * a path of less than half the widest drags nobody down: its viewer gets the stream thinned
//!   ([`Thinning`](super::thinning::Thinning));
//! * a viewer that says nothing of its path takes everything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shutterd::wire::link::LEAST_BITRATE;
use shutterd::wire::{SessionId, Whole};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::fanout::Fanout;
use super::pipeline::Pipeline;
use super::steps::{Step, Steps};
use crate::media::state::Stage;

/// A path narrower than the widest by more than this is left to thinning.
const FAR: u32 = 2;

/// The encoder is told at most this often.
const PAUSE: Duration = Duration::from_millis(100);

/// What the paths take, bits per second.
#[derive(Clone, Debug, Default, PartialEq)]
struct Paths {
    /// What the configuration allows, and so what a path of which nothing is known counts as.
    most: u32,
    known: HashMap<SessionId, u32>,
    viewers: usize,
}

/// What follows from [`Paths`].
#[derive(Clone, Debug, PartialEq)]
struct Decision {
    /// The encoder's rate.
    encoder: u32,
    /// Who gets the stream thinned, and to which rate.
    thinned: HashMap<SessionId, u32>,
}

impl Paths {
    fn decide(&self) -> Decision {
        let takes = |path: &u32| (*path).min(self.most);
        let unknown = (self.viewers > self.known.len()).then_some(self.most);
        let widest = self.known.values().map(takes).chain(unknown).max().unwrap_or(self.most);
        let near = |path: &u32| *path >= widest / FAR;
        let narrowest = self.known.values().map(takes).filter(near).min().unwrap_or(widest);
        let encoder = narrowest.max(LEAST_BITRATE.min(self.most));
        let thinned = self.known.iter().filter(|(_, path)| **path < encoder);
        Decision { encoder, thinned: thinned.map(|(session, path)| (*session, *path)).collect() }
    }
}

/// The paths as they are now, and the news of them.
#[derive(Debug, Default)]
pub(super) struct Rates {
    paths: Mutex<Paths>,
    changed: Notify,
    steps: Mutex<Option<Steps>>,
}

impl Rates {
    fn paths(&self) -> MutexGuard<'_, Paths> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Paths)) {
        change(&mut self.paths());
        self.changed.notify_one();
    }

    /// A camera is opened whose encoder makes this at most.
    pub(super) fn begin(&self, whole: Whole) {
        *self.steps() = Some(Steps::new(whole));
        self.change(|paths| paths.most = whole.bitrate);
    }

    fn steps(&self) -> MutexGuard<'_, Option<Steps>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more viewer, of whose path nothing is known.
    pub(super) fn join(&self) {
        self.change(|paths| paths.viewers += 1);
    }

    /// A viewer's path takes `bitrate`.
    pub(super) fn hear(&self, session: SessionId, bitrate: u32) {
        self.change(|paths| {
            paths.known.insert(session, bitrate);
        });
    }

    /// A viewer that joined has left.
    pub(super) fn leave(&self, session: SessionId) {
        self.change(|paths| {
            paths.known.remove(&session);
            paths.viewers = paths.viewers.saturating_sub(1);
        });
    }
}

/// Passes what the paths take to the encoder and to the links. Without news no timer runs.
pub(super) async fn serve(rates: Arc<Rates>, fanout: Arc<Fanout>, stage: Stage<Option<Pipeline>>) {
    let mut next = Instant::now();
    let mut told = None;
    let mut again = None;
    loop {
        let time = async {
            match again {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = rates.changed.notified() => tokio::time::sleep_until(next).await,
            () = time => {}
        }
        let now = Instant::now();
        next = now + PAUSE;
        let (Decision { encoder, thinned }, most) = {
            let paths = rates.paths();
            (paths.decide(), paths.most)
        };
        fanout.thin(&thinned);
        let step = match &mut *rates.steps() {
            Some(steps) => {
                again = steps.consider(encoder, now);
                steps.step()
            }
            None => continue,
        };
        // It begins with the most that it may.
        let (last, last_step) = *told.get_or_insert((most, Step::default()));
        if step != last_step || is_news(last, encoder, most) {
            told = Some((encoder, step));
            tracing::debug!(bitrate = encoder, ?step, thinned = thinned.len(), "rate");
            stage.post(move |scene, _| scene.iter().for_each(|p| p.set_rate(encoder, step)));
        }
    }
}

/// Less is, at once; more, when it is worth telling, for estimates rise by little and often.
fn is_news(last: u32, encoder: u32, most: u32) -> bool {
    encoder < last || encoder > last + last / 20 || (encoder > last && encoder == most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decide(most: u32, viewers: usize, known: &[u32]) -> (u32, Vec<(u64, u32)>) {
        let known = (1..).map(SessionId).zip(known.iter().copied()).collect();
        let decision = Paths { most, known, viewers }.decide();
        let mut thinned: Vec<_> = decision.thinned.into_iter().map(|(s, p)| (s.0, p)).collect();
        thinned.sort_unstable();
        (decision.encoder, thinned)
    }

    const MOST: u32 = 1_000_000;

    #[test]
    fn the_encoder_makes_what_the_only_path_takes_between_its_bounds() {
        assert_eq!(decide(MOST, 0, &[]), (MOST, vec![]));
        assert_eq!(decide(MOST, 1, &[]), (MOST, vec![]));
        assert_eq!(decide(MOST, 1, &[5_000_000]), (MOST, vec![]));
        assert_eq!(decide(MOST, 1, &[400_000]), (400_000, vec![]));
        assert_eq!(decide(MOST, 1, &[20_000]), (LEAST_BITRATE, vec![(1, 20_000)]));
        assert_eq!(decide(50_000, 1, &[20_000]), (50_000, vec![(1, 20_000)]));
    }

    #[test]
    fn the_encoder_is_told_less_at_once_and_more_by_the_twentieth() {
        assert!(is_news(1000, 999, 2000) && !is_news(1000, 1000, 2000));
        assert!(!is_news(1000, 1050, 2000) && is_news(1000, 1051, 2000));
        assert!(is_news(1999, 2000, 2000) && !is_news(2000, 2000, 2000));
    }

    #[test]
    fn of_paths_that_are_near_one_another_the_narrowest_counts() {
        assert_eq!(decide(MOST, 3, &[900_000, 600_000, 800_000]), (600_000, vec![]));
        assert_eq!(decide(MOST, 2, &[600_000]), (600_000, vec![]), "of the other nothing is known");
    }

    #[test]
    fn a_path_far_below_the_others_drags_nobody_down() {
        let decision = decide(MOST, 3, &[900_000, 200_000, 800_000]);
        assert_eq!(decision, (800_000, vec![(2, 200_000)]));
        assert_eq!(decide(MOST, 2, &[300_000]), (MOST, vec![(1, 300_000)]));
        // Wider than anything that is sent: not more than others.
        assert_eq!(decide(MOST, 2, &[9_000_000, 500_000]), (500_000, vec![]));
    }

    proptest! {
        #[test]
        fn whatever_the_paths_take(most in 1u32..100_000_000, known: Vec<u32>, silent in 0usize..4) {
            let viewers = known.len() + silent;
            let (encoder, thinned) = decide(most, viewers, &known);
            prop_assert!(encoder <= most && encoder >= most.min(LEAST_BITRATE));
            let thinned: HashMap<_, _> = thinned.into_iter().collect();
            for (session, path) in (1..).zip(known) {
                prop_assert_eq!(thinned.contains_key(&session), path < encoder);
            }
        }
    }
}
