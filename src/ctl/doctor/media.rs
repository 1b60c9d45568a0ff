// SPDX-License-Identifier: MIT OR Apache-2.0
//! What GStreamer has, as the worker's program says it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use shutterd::wire::inventory::{Inventory, Origin};
use tokio::process::Command;
use tokio::time::timeout;

use super::finding::Finding;

/// A first scan of every plugin may be in it.
const DEADLINE: Duration = Duration::from_secs(60);

/// What every viewer needs, whatever the board.
const VIEWERS: [&str; 9] = [
    "appsink",
    "appsrc",
    "capsfilter",
    "dtlssrtpenc",
    "nicesink",
    "nicesrc",
    "sctpenc",
    "srtpenc",
    "webrtcbin",
];

/// Asks the worker's program, with these elements and those that viewers need.
pub(super) async fn inventory(
    worker: &Path,
    elements: BTreeSet<String>,
) -> Result<Inventory, String> {
    let shown = worker.display();
    let asked = Command::new(worker)
        .arg("inventory")
        .args(elements.iter().map(String::as_str).chain(VIEWERS))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output();
    let output = timeout(DEADLINE, asked)
        .await
        .map_err(|_| format!("{shown} said nothing in 60 s: a driver does not answer"))?
        .map_err(|error| format!("{shown}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{shown}: {}", output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{shown}: {error}"))
}

pub(super) fn findings(inventory: &Inventory) -> Vec<Finding> {
    let version = &inventory.gstreamer;
    let missing = missing(VIEWERS, inventory);
    let viewers = if missing.is_empty() {
        Finding::ok("GStreamer", format!("{version}, with all that viewers need"))
    } else {
        Finding::wrong("GStreamer", format!("{version}, without {}", missing.join(", ")))
            .remedy("install what is missing; the service restarts its workers by itself")
    };
    let encoders = inventory.encoders.iter().map(|encoder| {
        let by = if encoder.hardware { "by hardware" } else { "by the processor" };
        format!("{} {by}: {}", encoder.element, encoder.title)
    });
    let encoders: Vec<_> = encoders.collect();
    let encoders = if encoders.is_empty() {
        Finding::wrong("encoders", "none of a codec that is known here")
    } else {
        Finding::ok("encoders", encoders.join("\n"))
    };
    vec![viewers, encoders]
}

/// Those that are not there, each with the package that has it.
pub(super) fn missing<'a>(
    elements: impl IntoIterator<Item = &'a str>,
    inventory: &Inventory,
) -> Vec<String> {
    let missing =
        elements.into_iter().filter_map(|element| match &inventory.elements.get(element)? {
            Origin::Plugin(_) => None,
            Origin::Missing(Some(package)) => Some(format!("{element} (Debian: {package})")),
            Origin::Missing(None) => Some(element.to_owned()),
        });
    missing.collect()
}
