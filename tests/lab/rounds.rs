// SPDX-License-Identifier: MIT OR Apache-2.0
//! The experiment: rounds in which each change is tried once, so that whatever else the machine does
//! meets them all alike. Each record is written at once: an experiment can be ended at any time.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::one_pipeline::Habit;
use crate::record::Record;
use crate::trial::{Lab, Stop, Trial};
use crate::{experiments, guarded, lab, naive, number, place};

#[derive(Clone, Debug)]
enum Kind {
    Ours(Trial),
    Naive(Habit, Stop),
}

impl Kind {
    fn experiment(&self) -> &'static str {
        match self {
            Kind::Ours(trial) => trial.experiment,
            Kind::Naive(_, stop) => naive::experiment(*stop),
        }
    }
}

async fn once(lab: Arc<Lab>, kind: Kind, seed: u64) -> Record {
    let doing = kind.clone();
    let done = guarded(async move {
        match doing {
            Kind::Ours(trial) => lab.run(&trial, seed).await,
            Kind::Naive(habit, stop) => lab.run_naive(habit, stop, seed).await,
        }
    });
    done.await.unwrap_or_else(|why| match kind {
        Kind::Ours(Trial { experiment, variant, .. }) => {
            Record { experiment, variant, seed, broken: Some(why), ..Record::default() }
        }
        Kind::Naive(habit, stop) => {
            let (experiment, variant) = (naive::experiment(stop), habit.name().to_owned());
            Record { experiment, variant, seed, broken: Some(why), ..Record::default() }
        }
    })
}

/// A sequence from a seed (SplitMix64): the same seed, the same moments.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) >> 11
}

/// `LAB_ROUNDS` rounds, for at most `LAB_MINUTES`, of the experiments `LAB_ONLY`, from `LAB_SEED` on.
/// Before the records stands where they were made.
pub(crate) async fn run(file: PathBuf) {
    let (rounds, minutes) = (number("LAB_ROUNDS", 1), number("LAB_MINUTES", 60));
    let mut seed = number("LAB_SEED", 1);
    let only = std::env::var("LAB_ONLY").unwrap_or_default();
    let is_wanted =
        |kind: &Kind| only.is_empty() || only.split(' ').any(|name| kind.experiment() == name);
    let ours = experiments::all().into_iter().map(Kind::Ours);
    let naive = naive::all().into_iter().map(|(habit, stop)| Kind::Naive(habit, stop));
    let kinds: Vec<Kind> = ours.chain(naive).filter(is_wanted).collect();
    let mut out = OpenOptions::new().create(true).append(true).open(file).unwrap();
    let lab = Arc::new(lab().await);
    writeln!(out, "{}", place::describe(&lab, seed)).unwrap();
    let (begun, limit) = (Instant::now(), Duration::from_secs(60 * minutes));
    eprintln!("lab: {} changes, {rounds} rounds, seed {seed}", kinds.len());
    for round in 1..=rounds {
        for kind in &kinds {
            if begun.elapsed() > limit {
                return eprintln!("lab: time is over in round {round}");
            }
            let record = once(Arc::clone(&lab), kind.clone(), random(&mut seed)).await;
            let line = serde_json::to_string(&record).unwrap();
            writeln!(out, "{line}").unwrap();
        }
        println!("lab: round {round} of {rounds}, {} s", begun.elapsed().as_secs());
    }
}
