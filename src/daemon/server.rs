// SPDX-License-Identifier: MIT OR Apache-2.0
//! The HTTP server: every adapter's routes behind one door, on TCP and on the control socket.
//!
//! Connections are this file's own: `axum::serve` has neither a bound on the time that a request's
//! head may take nor an owner for its tasks.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::serve::Listener;
use axum::{Extension, Router, middleware};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::{api, page};
use crate::http::{OriginPolicy, PeerAddress, guard, methods};
use crate::session::Registry;
use crate::signalling::whip::Pushes;
use crate::signalling::{websocket, whep, whip};

/// What the routes need to know of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Origins of other pages that may ask, as `scheme://host[:port]`; `*` for every page.
    pub allowed_origins: Vec<String>,
    /// ICE servers that viewers are told of, as `stun:host:port` or `turn:user:password@host:port`.
    pub ice_servers: Vec<String>,
}

/// How long the head of a request may take to arrive, from the connection's or the last answer's
/// end on: a connection that says nothing is closed.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);
/// The most headers and the largest head of a request.
const MAX_HEADERS: usize = 64;
const MAX_HEAD: usize = 16 * 1024;
/// Connections of one listener at once. A viewer page needs two or three.
const MAX_CONNECTIONS: usize = 256;
/// How long connections may take to finish what they are doing once the server ends.
pub(super) const DRAIN_DEADLINE: Duration = Duration::from_secs(3);

/// The server's routes, and what outlives its request: WebSockets, and pushes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Server {
    routes: Router,
    lasting: TaskTracker,
    policy: Options,
}

impl Server {
    /// The routes of every adapter, for the sessions of `registry`.
    pub fn new(registry: Registry, options: Options) -> Self {
        let lasting = TaskTracker::new();
        let pushes = Pushes::new(registry.clone(), lasting.clone());
        let routes = Router::new()
            .merge(whep::router(registry.clone(), &options.ice_servers))
            .merge(websocket::router(registry.clone(), lasting.clone()))
            .merge(api::router(registry))
            .merge(whip::router(pushes))
            .merge(page::router())
            .fallback(methods::not_found);
        #[cfg(feature = "faults")]
        let routes = routes.merge(crate::control::planted::router());
        Self { routes, lasting, policy: options }
    }

    /// The routes for a TCP listener: pages of other origins are refused, and where the service
    /// listens on a loopback address, so is every name that is not of it.
    pub fn guarded(&self, loopback: bool) -> Router {
        let policy = Arc::new(OriginPolicy::new(&self.policy.allowed_origins, loopback));
        self.routes.clone().layer(middleware::from_fn_with_state(policy, guard::guard))
    }

    /// Serves TCP until `stop` is cancelled, then lets requests in progress finish, for at most
    /// three seconds. Sessions are not ended: the registry does that, best before.
    ///
    /// # Errors
    /// The listener has no address.
    pub async fn serve_tcp(
        &self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> std::io::Result<()> {
        let loopback = listener.local_addr()?.ip().is_loopback();
        let routes = self.guarded(loopback);
        accept(listener, stop, |address| routes.clone().layer(Extension(PeerAddress(address))))
            .await;
        self.drain().await;
        Ok(())
    }

    /// Serves the control socket until `stop` is cancelled, as [`Server::serve_tcp`] does. Who may
    /// ask is decided by the permissions of the socket's file.
    pub async fn serve_control(&self, listener: UnixListener, stop: CancellationToken) {
        accept(listener, stop, |_| self.routes.clone()).await;
        self.drain().await;
    }

    async fn drain(&self) {
        self.lasting.close();
        let _ = tokio::time::timeout(DRAIN_DEADLINE, self.lasting.wait()).await;
    }
}

/// Accepts connections and owns their tasks.
async fn accept<L: Listener>(
    mut listener: L,
    stop: CancellationToken,
    routes: impl Fn(L::Addr) -> Router,
) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            // Without a slot nothing is accepted: the kernel's queue holds the rest.
            let slot = slots.clone().acquire_owned().await;
            (slot, listener.accept().await)
        };
        tokio::select! {
            () = stop.cancelled() => break,
            (slot, (io, address)) = next => {
                if let Ok(slot) = slot {
                    connections.spawn(connection(io, routes(address), slot, stop.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_DEADLINE, finish).await.is_err() {
        tracing::warn!(open = connections.len(), "connections were cut off at the end");
        connections.shutdown().await;
    }
}

async fn connection<I>(io: I, routes: Router, slot: OwnedSemaphorePermit, stop: CancellationToken)
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = tower::util::MapRequest::new(routes, |request: hyper::Request<Incoming>| {
        Request::from(request.map(axum::body::Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(io), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection");
    }
    drop(slot);
}
