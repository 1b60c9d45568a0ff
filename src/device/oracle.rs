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
    let found = match holders(proc, node.number) {
        Ok(mut found) => {
            // This process has the node open only while it asks the driver, below.
            found.seen.retain(|holder| holder.pid != std::process::id());
            found
        }
        Err(error) => {
            tracing::error!(%error, "cannot read {}", proc.display());
            return Observation::Held(Vec::new());
        }
    };
    if !found.seen.is_empty() {
        return Observation::Held(found.seen);
    }
    match v4l2::probe(path) {
        Ok(()) => Observation::Closed,
        Err(fault) if fault.code == FaultCode::CameraBusy => Observation::Held(Vec::new()),
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
    fn a_held_node_names_its_holder() {
        let tree = tempfile::tempdir().unwrap();
        let process = tree.path().join("4711");
        std::fs::create_dir_all(process.join("fd")).unwrap();
        std::fs::write(process.join("comm"), "cheese\n").unwrap();
        std::os::unix::fs::symlink("/dev/null", process.join("fd/9")).unwrap();
        let seen = look(tree.path(), Path::new("/dev/null"));
        assert_eq!(seen.held_by(), "held by cheese (pid 4711)");
        assert!(!seen.is_closed());
    }
}
