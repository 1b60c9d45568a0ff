// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where records were made, and what the product believes of the order: the first line of each file.

use serde_json::{Value, json};
use shutterd::lifecycle::{CameraOpens, Plan, Role};

use crate::trial::{Lab, ms};

pub(crate) fn describe(lab: &Lab, seed: u64) -> Value {
    let processor = std::env::consts::ARCH;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let plans = [("offerer", Role::Offerer), ("answerer", Role::Answerer)];
    let graph: serde_json::Map<_, _> =
        plans.into_iter().map(|(name, role)| (name.to_owned(), graph(role))).collect();
    json!({
        "place": {
            "board": lab.board.config.board.name(),
            "device": lab.board.device(),
            "processor": processor,
            "cores": cores,
            "gstreamer": gst::version_string().to_string(),
            "seed": seed,
            "patience": {
                "step": ms(lab.patience.step),
                "closed": ms(lab.patience.closed),
                "span": ms(lab.patience.span),
            },
        },
        "graph": graph,
    })
}

/// Each step with those that it must come after.
fn graph(role: Role) -> Value {
    let plan = Plan::new(role, CameraOpens::BeforeOffer);
    let nodes = plan.order().iter().map(|step| {
        let after: Vec<_> = plan.dependencies(*step).iter().map(|step| step.name()).collect();
        json!({ "step": step.name(), "number": step.row().number, "place": step.row().place, "after": after })
    });
    nodes.collect()
}
