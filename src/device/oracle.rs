// SPDX-License-Identifier: MIT OR Apache-2.0
//! The verdict: is the camera closed?

use std::path::{Path, PathBuf};

use super::holders::{Holder, holders};
use super::node::Node;
use super::v4l2;
use crate::lifecycle::{Fault, FaultCode};

/// What the oracle saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// Nobody has the node open, and its driver would let somebody stream.
    Closed,
    /// There is no usable node, so nobody can have it open: why it cannot be used.
    Absent(Fault),
    /// Somebody has it. Empty: somebody whose descriptors this user may not see.
    Held(Vec<Holder>),
}

impl Observation {
    /// Whether the camera is closed, present or not.
    pub fn is_closed(&self) -> bool {
        !matches!(self, Observation::Held(_))
    }

    /// The holders in words, for a fault's detail.
    pub fn held_by(&self) -> String {
        match self {
            Observation::Held(holders) if holders.is_empty() => {
                "held by a process of another user".to_owned()
            }
            Observation::Held(holders) => {
                let names: Vec<String> = holders.iter().map(Holder::to_string).collect();
                format!("held by {}", names.join(", "))
            }
            _ => "not held".to_owned(),
        }
    }
}

/// Looks at the camera's node; `None` is a board without one, which nobody can hold.
/// The look runs on a thread of its own: a driver that blocks an open blocks only that thread.
/// Cancel-safe.
pub async fn observe(device: Option<PathBuf>) -> Observation {
    let Some(path) = device else { return Observation::Closed };
    let look = tokio::task::spawn_blocking(move || look(Path::new("/proc"), &path));
    look.await.unwrap_or_else(|error| {
        // A look that broke down is no proof of anything.
        tracing::error!(%error, "the oracle's look broke down");
        Observation::Held(Vec::new())
    })
}

fn look(proc: &Path, path: &Path) -> Observation {
    let node = match Node::find(path) {
        Ok(node) => node,
        Err(fault) => return Observation::Absent(fault),
    };
    // The probe is over, its own descriptor closed, before the holders are counted.
    let probed = v4l2::probe(path);
    match holders(proc, node.number) {
        Ok(mut found) => {
            // This process has the node open only while another look of its own is probing.
            found.seen.retain(|holder| holder.pid != std::process::id());
            verdict(probed, found.seen)
        }
        Err(error) => {
            tracing::error!(%error, "cannot read {}", proc.display());
            Observation::Held(Vec::new())
        }
    }
}

/// A node that is no camera is not ours to judge. Otherwise a holder counts whatever the driver
/// says: a device that is gone is still held by who has it open.
fn verdict(probed: Result<(), Fault>, seen: Vec<Holder>) -> Observation {
    match probed {
        Err(fault) if fault.code == FaultCode::NotACamera => Observation::Absent(fault),
        _ if !seen.is_empty() => Observation::Held(seen),
        Ok(()) => Observation::Closed,
        Err(fault) if fault.code == FaultCode::CameraBusy => Observation::Held(seen),
        Err(fault) => Observation::Absent(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_board_without_a_node_is_closed() {
        assert_eq!(observe(None).await, Observation::Closed);
    }

    #[tokio::test]
    async fn a_missing_node_is_closed_and_says_why_it_cannot_be_used() {
        let seen = observe(Some("/dev/video-that-is-not-there".into())).await;
        assert!(seen.is_closed());
        let Observation::Absent(fault) = seen else { panic!("{seen:?}") };
        assert_eq!(fault.code, FaultCode::CameraMissing);
    }

    #[test]
    fn the_verdict_needs_both_looks() {
        let holder = || vec![Holder { pid: 4711, command: "cheese".into() }];
        let failed = |code| Err(Fault::new(code, "planted"));
        assert_eq!(verdict(Ok(()), vec![]), Observation::Closed);
        let held = verdict(Ok(()), holder());
        assert_eq!(held.held_by(), "held by cheese (pid 4711)");
        // Unplugged, and still open somewhere: not closed.
        assert_eq!(verdict(failed(FaultCode::CameraMissing), holder()), held);
        assert!(verdict(failed(FaultCode::CameraMissing), vec![]).is_closed());
        let hidden = verdict(failed(FaultCode::CameraBusy), vec![]);
        assert_eq!(hidden.held_by(), "held by a process of another user");
        assert!(verdict(failed(FaultCode::NotACamera), holder()).is_closed());
    }

    #[test]
    fn a_node_that_is_no_camera_says_so_whoever_has_it_open() {
        let Observation::Absent(fault) = look(Path::new("/proc"), Path::new("/dev/null")) else {
            panic!()
        };
        assert_eq!(fault.code, FaultCode::NotACamera);
    }
}
