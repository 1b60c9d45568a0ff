// SPDX-License-Identifier: MIT OR Apache-2.0
//! A WHIP server of the test's own, which does as it is told with each offer, and notes what it is asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::viewer::Viewer;

use tls::{Encrypted, Identity};

pub(crate) mod tls;

/// What becomes of an offer.
pub(crate) enum Turn {
    /// Watched: by a webrtcbin of this process.
    Watch,
    /// This instead of an answer.
    Say(StatusCode, &'static str),
    /// Somewhere else.
    Redirect(&'static str),
    /// Nothing is ever said.
    Hang,
}

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) token: String,
    pub(crate) kind: String,
    pub(crate) body: String,
}

pub(crate) struct WhipServer {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    asked: mpsc::UnboundedReceiver<Asked>,
    viewers: mpsc::UnboundedReceiver<Viewer>,
    turns: Arc<Mutex<VecDeque<Turn>>>,
    _serving: JoinSet<()>,
}

#[derive(Clone)]
struct Desk {
    asked: mpsc::UnboundedSender<Asked>,
    viewers: mpsc::UnboundedSender<Viewer>,
    turns: Arc<Mutex<VecDeque<Turn>>>,
}

impl WhipServer {
    /// Takes these turns, one for each offer, and hangs when there are no more.
    pub(crate) async fn start(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self::start_as(None, turns).await
    }

    /// The same, over HTTPS where it has something to show.
    pub(crate) async fn start_as(
        identity: Option<&Identity>,
        turns: impl IntoIterator<Item = Turn>,
    ) -> Self {
        let turns = Arc::new(Mutex::new(turns.into_iter().collect()));
        let (asked, seen) = mpsc::unbounded_channel();
        let (viewers, watching) = mpsc::unbounded_channel();
        let desk = Desk { asked, viewers, turns: Arc::clone(&turns) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().fallback(answer).with_state(desk);
        let mut serving = JoinSet::new();
        let scheme = if identity.is_some() { "https" } else { "http" };
        match identity.map(Identity::acceptor) {
            Some(acceptor) => {
                let listener = Encrypted { listener, acceptor };
                serving.spawn(async move { axum::serve(listener, routes).await.unwrap() })
            }
            None => serving.spawn(async move { axum::serve(listener, routes).await.unwrap() }),
        };
        Self { address, scheme, asked: seen, viewers: watching, turns, _serving: serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}/whip/head?key=1", self.scheme, self.address)
    }

    pub(crate) fn next(&self, turn: Turn) {
        self.turns.lock().unwrap().push_back(turn);
    }

    pub(crate) async fn asked(&mut self) -> Asked {
        crate::soon::soon("a request", self.asked.recv()).await.unwrap()
    }

    pub(crate) async fn viewer(&mut self) -> Viewer {
        crate::soon::soon("a viewer", self.viewers.recv()).await.unwrap()
    }
}

async fn answer(
    State(desk): State<Desk>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text =
        |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let body = String::from_utf8(body.to_vec()).unwrap();
    desk.asked
        .send(Asked {
            method: method.clone(),
            path: uri.to_string(),
            token: text(header::AUTHORIZATION),
            kind: text(header::CONTENT_TYPE),
            body: body.clone(),
        })
        .unwrap();
    if method != Method::POST {
        return StatusCode::OK.into_response();
    }
    let turn = desk.turns.lock().unwrap().pop_front().unwrap_or(Turn::Hang);
    match turn {
        Turn::Watch => {
            let viewer = Viewer::new();
            let answer = viewer.answer(&body).await;
            desk.viewers.send(viewer).ok().unwrap();
            // Relative to where it was asked in the end.
            let place =
                [(header::LOCATION, "resource/1"), (header::CONTENT_TYPE, "application/sdp")];
            (StatusCode::CREATED, place, answer).into_response()
        }
        Turn::Say(status, text) => {
            (status, [(header::LOCATION, "resource/1")], text).into_response()
        }
        Turn::Redirect(place) => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place)]).into_response()
        }
        Turn::Hang => std::future::pending().await,
    }
}
