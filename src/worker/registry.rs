// SPDX-License-Identifier: MIT OR Apache-2.0
//! GStreamer's plugin registry, brought up to date by a process of its own before any session.
//!
//! A registry that is older than a plugin or a device node is rescanned by whoever starts
//! GStreamer next, and the scan opens every video node to see whether it is an encoder. That must
//! not happen inside a session, least of all in a peer worker: so it happens here, once, at the
//! service's start, and the workers take the registry as it is.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::process::{Exit, Process};

/// Tells GStreamer in a worker to take an existing registry as it is.
pub(super) const KEEP_REGISTRY: (&str, &str) = ("GST_REGISTRY_UPDATE", "no");

/// A full scan of an untrimmed plugin set takes half a minute on a slow board.
const SCAN_DEADLINE: Duration = Duration::from_secs(120);

/// Brings the registry up to date. What goes wrong is logged: workers scan for themselves where
/// there is no registry at all. Dropping the future ends the scan.
pub async fn refresh(program: &Path) {
    let result = async {
        let stdin = OwnedFd::from(std::fs::File::open("/dev/null")?);
        let scan = Process::spawn(program, &[OsStr::new("registry")], &[], stdin)?;
        timeout(SCAN_DEADLINE, scan.reaped()).await.unwrap_or_else(|_| {
            scan.kill();
            Err(std::io::ErrorKind::TimedOut.into())
        })
    };
    match result.await {
        Ok(Exit::Code(0)) => tracing::debug!("plugin registry is up to date"),
        Ok(exit) => tracing::warn!(%exit, "plugin registry"),
        Err(error) => tracing::warn!(%error, "plugin registry"),
    }
}
