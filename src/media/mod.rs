// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that names GStreamer. Only `bin/shutter-media.rs` has it.
//!
//! ```text
//!   control socket ─► control ─► lane ─► camera | peer   (tokio, one thread)
//!                        ▲                   │ jobs
//!                     reports             state::Stage    (a thread per pipeline: every GStreamer
//!                        │                   │             object lives and dies there)
//!                  callbacks, probes ◄── GStreamer's own threads; they only send
//! ```
//!
//! Invariants: the control loop never calls what may block; a `set_state` happens in [`state`] alone;
//! commands of one lane run in order of arrival, teardown commands end what runs before them;
//! the process ends when the daemon does ([`hangup`]), whatever its other threads are doing.

mod camera;
mod control;
mod elements;
mod failure;
mod farewell;
mod hangup;
pub(crate) mod inventory;
mod lane;
mod peer;
#[cfg(feature = "faults")]
mod planted;
mod state;

use std::io::IsTerminal;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

/// Exit code for a control socket that carries something else (`EX_PROTOCOL`).
const EX_PROTOCOL: i32 = 76;
/// Exit code for a wrong command line (`EX_USAGE`).
const EX_USAGE: u8 = 64;
/// Exit code for a worker that could not start (`EX_UNAVAILABLE`).
const EX_UNAVAILABLE: u8 = 69;

/// What kind of worker this process is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WorkerRole {
    /// Has the camera, no network.
    Camera,
    /// Has one viewer's connection, no device.
    Peer,
}

/// Says how the worker is started, and that this was not it.
pub(crate) fn usage() -> ExitCode {
    log_to_stderr();
    tracing::error!(
        "usage: shutter-media camera|peer, with the control socket on standard input; or registry; or inventory ELEMENT..."
    );
    ExitCode::from(EX_USAGE)
}

/// Brings GStreamer's plugin registry up to date.
pub(crate) fn refresh_registry() -> ExitCode {
    log_to_stderr();
    match gst::init() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "no plugin registry");
            ExitCode::from(EX_UNAVAILABLE)
        }
    }
}

/// Runs the worker until its work is done.
pub(crate) fn run(role: WorkerRole) -> ExitCode {
    log_to_stderr();
    match start(role) {
        Ok(control::End::Finished) => ExitCode::SUCCESS,
        Ok(control::End::Invalid(error)) => {
            tracing::error!(%error, "what came on the control socket is no command");
            end_at_once()
        }
        Err(error) => {
            tracing::error!(%error, "cannot start");
            ExitCode::from(EX_UNAVAILABLE)
        }
    }
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SHUTTERD_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .compact()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

fn start(role: WorkerRole) -> Result<control::End, Box<dyn std::error::Error>> {
    let control: OwnedFd = std::io::stdin().as_fd().try_clone_to_owned()?;
    // Before GStreamer, whose start may rescan its registry for seconds.
    hangup::watch(control.try_clone()?)?;
    first_when_memory_is_short();
    gst::init()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let end = match role {
        WorkerRole::Camera => runtime.block_on(control::serve::<camera::CameraWorker>(control)),
        WorkerRole::Peer => runtime.block_on(control::serve::<peer::PeerWorker>(control)),
    };
    Ok(end?)
}

/// When the kernel has to kill for memory it takes a worker, which the daemon replaces, and not the
/// daemon, which nobody could.
fn first_when_memory_is_short() {
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", "300") {
        tracing::debug!(%error, "oom_score_adj");
    }
}

/// Ends with pipelines still running: the kernel closes what they hold. Dropping them here instead
/// could wait for a driver.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "a worker that does not understand its daemon must not wait for its own pipelines"
)]
fn end_at_once() -> ! {
    std::process::exit(EX_PROTOCOL)
}
