// SPDX-License-Identifier: MIT OR Apache-2.0
//! WebSocket: the device offers. `GET /ws/{camera}?codecs=h264,h265,vp8`; see [`message`] for the text.
//!
//! ```text
//! device                       viewer
//!    │ session, offer, candidate… │
//!    ├───────────────────────────►│
//!    │◄─ answer, candidate… ──────┤
//!    ├─ running ─────────────────►│
//!    │◄─ bye, or a close frame ───┤     either side may end it
//!    ├─ ended, close frame ──────►│
//! ```
//!
//! * A session that cannot start: `refused`, then close 1013 (try again later) or 1008.
//! * A message of another session or generation is ignored.
//! * A message that is none gets `problem`, and the session goes on; after [`MAX_PROBLEMS`] of them
//!   the connection is closed with 1008.
//! * A binary message closes with 1003, one over 64 KiB with 1009.
//! * A close frame is a goodbye. A connection that ends otherwise, or that was closed for one of
//!   the reasons above, is signalling that is gone: the session decides what that means.

mod connection;
pub mod message;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, extract::rejection::QueryRejection};
use serde::Deserialize;
use tokio_util::task::TaskTracker;

use crate::http::{MAX_BODY, PeerAddress, Problem, RequestFault, methods};
use crate::session::Registry;
use crate::wire::Codec;
pub use connection::MAX_PROBLEMS;

/// What may wait to be written before the viewer counts as gone, bytes: an offer and its
/// candidates several times over.
const MAX_WRITE_QUEUE: usize = 4 * MAX_BODY;

#[derive(Clone)]
struct WebSockets {
    registry: Registry,
    connections: TaskTracker,
}

#[derive(Deserialize)]
struct Wishes {
    codecs: Option<String>,
}

/// The route. Each connection is counted in `connections` until it has ended.
pub fn router(registry: Registry, connections: TaskTracker) -> Router {
    Router::new()
        .route("/ws/{camera}", methods::only(get(open), "GET, HEAD, OPTIONS"))
        .with_state(WebSockets { registry, connections })
}

async fn open(
    State(state): State<WebSockets>,
    Path(camera): Path<String>,
    wishes: Result<Query<Wishes>, QueryRejection>,
    address: Option<Extension<PeerAddress>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|rejection| {
        Problem::request(RequestFault::UpgradeRequired, rejection.body_text())
    })?;
    let Query(wishes) = wishes
        .map_err(|rejection| Problem::request(RequestFault::QueryInvalid, rejection.body_text()))?;
    let codecs = wishes.codecs.as_deref().map_or(Codec::OF_EVERY_BROWSER.to_vec(), codecs);
    let viewer = address.map(|Extension(PeerAddress(address))| address.to_string());
    // Axum spawns the connection's task; the token lets the server wait for its end.
    let running = state.connections.token();
    Ok(upgrade
        // A message over our own limit must still be readable to be answered with 1009.
        .max_message_size(2 * MAX_BODY)
        .max_frame_size(2 * MAX_BODY)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_QUEUE)
        .on_upgrade(move |socket| async move {
            connection::serve(socket, &state.registry, &camera, codecs, viewer).await;
            drop(running);
        }))
}

/// The codecs of a list that we know. One that we do not know is no mistake: a browser names all
/// that it has.
fn codecs(list: &str) -> Vec<Codec> {
    let mut known = Vec::new();
    for name in list.split(',').map(str::trim) {
        known.extend(Codec::named(name).filter(|codec| !known.contains(codec)));
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_keep_the_viewers_order() {
        assert_eq!(codecs("h264,vp8"), [Codec::H264, Codec::Vp8]);
        assert_eq!(codecs("VP8, av1, H264,vp8"), [Codec::Vp8, Codec::H264]);
        assert_eq!(codecs("h265,h264"), [Codec::H265, Codec::H264]);
        assert_eq!(codecs("av1"), []);
        assert_eq!(codecs(""), []);
    }
}
