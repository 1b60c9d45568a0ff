// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cameras: as the release oracle sees them, and what they give.

use std::path::Path;

use shutterd::config::{Camera, Config};
use shutterd::device::led::LedOwner;
use shutterd::device::{Evidence, Observation, Roots, Shutter};
use shutterd::session::{CameraState, CameraStatus, ServiceStatus};
use shutterd::wire::inventory::{Capture, Inventory};

use super::finding::Finding;

pub(super) async fn findings(
    config: Option<&Config>,
    status: Option<&ServiceStatus>,
    inventory: Option<&Inventory>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let captures = inventory.map_or(&[][..], |inventory| &inventory.captures);
    let cameras = config.map_or(&[][..], |config| &config.cameras);
    for camera in cameras {
        let known = status.and_then(|status| status.cameras.iter().find(|c| c.name == camera.name));
        findings.extend(of(camera, known, captures).await);
    }
    let configured = |capture: &Capture| {
        cameras.iter().filter_map(|camera| camera.device.as_deref()).any(|node| is(node, capture))
    };
    findings.extend(captures.iter().filter(|capture| !configured(capture)).map(|capture| {
        let says = format!("{}: {}", capture.name, capture.formats);
        Finding::note(capture.node.clone(), says).remedy("no camera is configured for it")
    }));
    findings
}

/// By-id and by-path names are links.
fn is(node: &Path, capture: &Capture) -> bool {
    node.canonicalize().is_ok_and(|node| node == Path::new(&capture.node))
}

async fn of(camera: &Camera, known: Option<&CameraStatus>, captures: &[Capture]) -> Vec<Finding> {
    let about = format!("camera {}", camera.name);
    let Some(node) = &camera.device else {
        let says = format!("no node: the board {} makes its own pictures", camera.board.name());
        return vec![Finding::ok(about, says)];
    };
    let gives = captures.iter().find(|capture| is(node, capture));
    let gives = gives.map(|capture| format!("\n{}: {}", capture.name, capture.formats));
    let describe =
        |how: &str| format!("{} is {how}{}", node.display(), gives.as_deref().unwrap_or(""));
    // What a running service does with its camera is no trouble, and not to be disturbed.
    let observed = match known {
        Some(CameraStatus { fault: Some(fault), .. }) => {
            return vec![
                Finding::wrong(about, describe(&fault.detail)).remedy(fault.code.remedy()),
            ];
        }
        Some(known) if known.state != CameraState::Closed => {
            let state = format!("{:?}", known.state).to_lowercase();
            return vec![Finding::ok(about, describe(&format!("{state}, by the service")))];
        }
        Some(known) => known.observed.clone(),
        None => None,
    };
    let observed = match observed {
        Some(observed) => observed,
        None => Shutter::new(camera, Roots::default()).survey().await,
    };
    let light = light(&camera.name, &observed.evidence);
    let finding = match observed.may_open() {
        Ok(()) => seen(about, &describe(&observed.to_string()), &observed),
        Err(fault) => {
            Finding::wrong(about, describe(&observed.to_string())).remedy(fault.code.remedy())
        }
    };
    std::iter::once(finding).chain(light).collect()
}

fn seen(about: String, says: &str, observed: &Observation) -> Finding {
    if observed.evidence.hidden.is_nothing() {
        return Finding::ok(about, says);
    }
    Finding::note(about, says)
        .remedy("who else has it open is seen by root, and by the service as its unit runs it")
}

/// Its privacy LED, where there is one.
fn light(camera: &str, evidence: &Evidence) -> Option<Finding> {
    let led = evidence.led.as_ref()?;
    let about = format!("light of {camera}");
    Some(match led.owner {
        LedOwner::Kernel => {
            Finding::ok(about, format!("{}: the kernel switches it with the stream", led.name))
        }
        LedOwner::Userspace => Finding::note(
            about,
            format!("{}: any program may switch it, so it proves nothing", led.name),
        )
        .remedy("give it to the sensor in the device tree: docs/yocto.md"),
        LedOwner::Unknown => Finding::note(
            about,
            format!("{}: who switches it cannot be told by this user", led.name),
        ),
    })
}
