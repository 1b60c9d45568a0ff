// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lab as a test: an instrument that sees nothing would find every order good.

use crate::experiments;
use crate::lab;
use crate::naive;
use crate::record::Record;
use crate::trial::{Lab, Trial};

async fn tried(lab: &Lab, experiment: &str, variant: &str) -> Record {
    let is_it = |t: &Trial| t.experiment == experiment && t.variant == variant;
    let trial = experiments::all().into_iter().find(is_it).unwrap();
    let record = lab.run(&trial, 7).await;
    assert_eq!(record.broken, None, "{record:?}");
    record
}

fn results(did: &[crate::record::Did]) -> Vec<(&str, &str)> {
    did.iter().map(|did| (did.name, did.result.as_str())).collect()
}

pub(crate) async fn run() {
    let lab = lab().await;
    let written = tried(&lab, "as-written", "").await;
    assert!(written.first_frame.is_some() && written.channel && written.told, "{written:?}");
    assert!(written.closed.is_some() && written.left.is_empty(), "{written:?}");
    assert!(results(&written.start).iter().chain(&results(&written.end)).all(|r| r.1 == "done"));
    assert_eq!((written.start.len(), written.end.len()), (12, 7));
    assert_eq!(written.next.unwrap().result, "done");

    let open = tried(&lab, "undo-left-out", "close-camera").await;
    assert_eq!(open.closed, None, "{open:?}");
    assert_eq!(open.left.iter().map(|left| left.worker).collect::<Vec<_>>(), ["camera"]);

    let silent = tried(&lab, "undo-left-out", "destroy-peer").await;
    assert!(!silent.told && silent.closed.is_some(), "{silent:?}");

    let shut = tried(&lab, "step-left-out", "enable-tracks").await;
    assert_eq!(shut.first_frame, None, "{shut:?}");

    let silent = tried(&lab, "step-left-out", "create-data-channel").await;
    assert!(silent.first_frame.is_some() && !silent.channel, "{silent:?}");

    let early = tried(&lab, "step-moved", "create-source 1").await;
    assert_ne!(early.start[0].result, "done", "{early:?}");

    let (habit, stop) = naive::all()[0];
    let naive = lab.run_naive(habit, stop, 7).await;
    assert!(naive.first_frame.is_some() && naive.broken.is_none(), "{naive:?}");
    println!("lab: ok");
}
