// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a checked configuration to the last observed close.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::inherited::Sockets;
use super::server::{DRAIN_DEADLINE, Options, Server};
use super::systemd;
use super::{control_socket, http_socket};
use crate::config::{Config, Deadlines};
use crate::control::bus;
use crate::lifecycle::StopReason;
use crate::lifecycle::steps::{KILL_DEADLINE, UNDOS};
use crate::session::camera::RECOVER_DEADLINE;
use crate::session::{CameraState, Journal, Registry};
use crate::signalling::whip::Pushes;
use crate::triggers::Triggers;
use crate::worker::{Spares, leftover, program};

/// How the service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every camera is observed closed.
    Clean,
    /// A camera could not be released: whoever restarts us should know.
    Wedged,
}

/// Why the service could not begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something else has the address.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// Something else has the control socket.
    #[error(transparent)]
    Control(#[from] control_socket::ControlSocketError),
}

/// How long the processes and tasks may take to be gone when every session has ended.
const LEFTOVERS_DEADLINE: Duration = Duration::from_secs(2);

/// The longest that the end of the service may take, with every step late, a camera that has to be
/// recovered and connections that do not close: what systemd must allow it (`TimeoutStopSec=`).
pub fn longest_end(deadlines: &Deadlines) -> Duration {
    let undos: Duration = UNDOS.iter().map(|row| deadlines.undo(row.undo)).sum();
    // A worker of each kind may have to be killed.
    undos + 2 * KILL_DEADLINE + RECOVER_DEADLINE + DRAIN_DEADLINE + LEFTOVERS_DEADLINE
}

/// Serves until `stop` resolves (to who asked, for the log), then ends every session in order. Where
/// systemd listens for us, `sockets` has it.
/// The teardown's deadlines bound the end.
///
/// # Errors
/// When the service cannot listen; nothing has been opened then.
pub async fn serve(
    config: Config,
    sockets: Sockets,
    stop: impl Future<Output = &'static str>,
) -> Result<Ending, StartError> {
    let listener = http_socket::open(sockets.http, config.http.listen)
        .map_err(|error| StartError::Listen(config.http.listen, error))?;
    let address = listener.local_addr().unwrap_or(config.http.listen);
    let (control, _socket_file) =
        control_socket::open(sockets.control, &config.control.socket).await?;

    let tasks = TaskTracker::new();
    let program = program::find(config.media.worker.as_deref());
    let socket = config.control.socket.clone();
    let spares =
        Spares::new(program.clone(), config.elements(), config.media.prewarm, tasks.clone());
    let spares = Arc::new(spares.of(socket.clone()));
    let journal = Journal::begin(config.journal.as_ref());
    let registry = Registry::new(&config, Arc::clone(&spares), tasks.clone(), journal.clone());
    let closing = CancellationToken::new();
    let (first, ending) = (Arc::clone(&spares), closing.clone());
    let surveyed = registry.clone();
    tasks.spawn(async move {
        // In this order: what an earlier run left may have the camera, and the scan of the plugins
        // opens every video node.
        let preparing = async {
            leftover::end(program, socket).await;
            first.prepare().await;
            surveyed.survey().await;
        };
        ending.run_until_cancelled(preparing).await
    });

    let on_the_bus = registry.clone();
    let ended = closing.clone();
    tasks.spawn(async move { ended.run_until_cancelled(bus::serve(on_the_bus)).await });
    let _triggers = Triggers::listen(&config, &registry).await;
    let pushes = Pushes::new(registry.clone(), tasks.clone());
    for push in &config.pushes {
        let (kept, ended) = (pushes.clone().keep(push.clone()), closing.clone());
        tasks.spawn(async move { ended.run_until_cancelled(kept).await });
    }
    let server = Server::new(
        registry.clone(),
        Options {
            allowed_origins: config.http.allowed_origins.clone(),
            ice_servers: config.webrtc.ice_servers.clone(),
        },
    );
    let serving = async {
        let (tcp, ()) = tokio::join!(
            server.serve_tcp(listener, closing.clone()),
            server.serve_control(control, closing.clone()),
        );
        if let Err(error) = tcp {
            tracing::error!(%error, "HTTP");
        }
    };
    // Sessions end first, while the API still answers and says so; then the listeners close.
    let living = async {
        tracing::info!("viewer page at http://{address}/");
        systemd::ready();
        let who = tokio::select! {
            who = stop => who,
            () = systemd::report_status(registry.clone()) => "status",
            () = fed(config.control.socket.clone()) => "watchdog",
        };
        tracing::info!(who, "the service ends");
        systemd::stopping();
        registry.stop_all(StopReason::Shutdown).await;
        registry.let_go().await;
        closing.cancel();
    };
    tokio::join!(serving, living);

    spares.close();
    tasks.close();
    if timeout(LEFTOVERS_DEADLINE, tasks.wait()).await.is_err() {
        tracing::error!(tasks = tasks.len(), "not everything ended with the sessions");
    }
    journal.flush().await;
    let wedged = |state| state != CameraState::Closed;
    if registry.status().cameras.iter().any(|camera| wedged(camera.state)) {
        return Ok(Ending::Wedged);
    }
    Ok(Ending::Clean)
}

/// Feeds the watchdog, where there is one. Never resolves.
async fn fed(control: PathBuf) {
    systemd::feed_watchdog(control).await;
    std::future::pending().await
}
