// SPDX-License-Identifier: MIT OR Apache-2.0
//! WHEP (draft-ietf-wish-whep, in the terms of RFC 9725): the viewer offers.
//!
//! | | `/whep/{camera}` | `/whep/{camera}/{session}` |
//! |---|---|---|
//! | `POST` | offer in, `201` with the answer out | |
//! | `PATCH` | | candidates in, `204`; an ICE restart is refused with `422` |
//! | `DELETE` | | `200` once the session has ended, with its outcome; again: the same |
//! | `OPTIONS` | `204` | `204` |
//! | `GET`, `HEAD` | `204`, as the drafts have it: there is nothing to show | `204` |
//!
//! The answer carries every candidate of the device, since WHEP has no way to send one later.

mod ice;
mod link;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};

use crate::http::{PeerAddress, Problem, RequestFault, body, methods, read_text};
use crate::lifecycle::{Fault, FaultCode, Outcome, StopReason};
use crate::sdp::{Fragment, Offer};
use crate::session::{FromViewer, Registry, SessionHandle};
use crate::wire::SessionId;
use ice::IceSessions;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const ENDPOINT_METHODS: &str = "GET, HEAD, POST, OPTIONS";
const SESSION_METHODS: &str = "GET, HEAD, PATCH, DELETE, OPTIONS";

#[derive(Clone)]
struct Whep {
    registry: Registry,
    /// `Link` headers of the configured ICE servers.
    links: Arc<[HeaderValue]>,
    ice: IceSessions,
}

/// The routes. `ice_servers` are told to viewers as `Link` headers; they are written as
/// `stun:host:port`, `turn:user:password@host:port` or `turns:…`.
pub fn router(registry: Registry, ice_servers: &[String]) -> Router {
    let links = ice_servers.iter().filter_map(|server| link::ice_server(server)).collect();
    let endpoint = post(start).get(nothing).options(endpoint_options);
    let session = get(nothing).patch(trickle).delete(end).options(session_options);
    Router::new()
        .route("/whep/{camera}", methods::fallback(endpoint, ENDPOINT_METHODS))
        .route("/whep/{camera}/{session}", methods::fallback(session, SESSION_METHODS))
        .with_state(Whep { registry, links, ice: IceSessions::default() })
}

async fn start(
    State(whep): State<Whep>,
    Path(camera): Path<String>,
    address: Option<Extension<PeerAddress>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if !body::is_type(&headers, SDP) {
        return Err(Problem::request(RequestFault::NotSdp, "the offer's Content-Type"));
    }
    let offer = Offer::parse(&read_text(&headers, body).await?)?;
    let mut ice = ice::IceSession::of(&offer);
    let viewer = address.map(|Extension(PeerAddress(address))| address.to_string());
    let (session, answer) = whep.registry.answer(&camera, offer, viewer).await?;
    ice.answered(&answer, session.id());
    let mut response = (
        StatusCode::CREATED,
        [
            (header::CONTENT_TYPE, HeaderValue::from_static(SDP)),
            (header::LOCATION, location(&camera, session.id())?),
            (header::ETAG, ice.etag()),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ],
        [("accept-patch", FRAGMENT)],
        answer,
    )
        .into_response();
    whep.link(&mut response);
    whep.ice.insert(session.id(), ice, |id| whep.alive(id).is_some());
    Ok(response)
}

fn location(camera: &str, id: SessionId) -> Result<HeaderValue, Problem> {
    // The registry knows the camera, so its name is one of the configuration: `a-z 0-9 - _`.
    HeaderValue::try_from(format!("/whep/{camera}/{id}"))
        .map_err(|_| Fault::new(FaultCode::CameraUnknown, camera).into())
}

async fn trickle(
    State(whep): State<Whep>,
    Path((camera, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let (session, ice) = whep.negotiated(&camera, &id)?;
    if !body::is_type(&headers, FRAGMENT) {
        return Err(Problem::request(RequestFault::NotFragment, "the fragment's Content-Type"));
    }
    if !ice.matches(headers.get_all(header::IF_MATCH)) {
        let detail = "If-Match names another ICE session than this one";
        return Err(Problem::request(RequestFault::IceSessionMismatch, detail));
    }
    let fragment = Fragment::parse(&read_text(&headers, body).await?, ice.mids())?;
    if ice.is_restart(fragment.ice_ufrag.as_deref()) {
        let detail = "ICE restart is not supported: start a new session";
        return Err(Problem::request(RequestFault::IceRestart, detail));
    }
    if !fragment.candidates.is_empty() {
        session.viewer_says(FromViewer::Candidates(fragment.candidates))?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn end(
    State(whep): State<Whep>,
    Path((camera, id)): Path<(String, String)>,
) -> Result<Json<Outcome>, Problem> {
    let session = whep.session(&camera, &id)?;
    session.stop(StopReason::Viewer);
    let outcome = session.ended().await;
    whep.ice.remove(session.id());
    Ok(Json(outcome))
}

async fn endpoint_options(State(whep): State<Whep>) -> Response {
    let mut response = methods::options(ENDPOINT_METHODS);
    response.headers_mut().insert("accept-post", HeaderValue::from_static(SDP));
    whep.link(&mut response);
    response
}

async fn session_options() -> Response {
    let mut response = methods::options(SESSION_METHODS);
    response.headers_mut().insert("accept-post", HeaderValue::from_static(SDP));
    response.headers_mut().insert("accept-patch", HeaderValue::from_static(FRAGMENT));
    response
}

async fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

impl Whep {
    fn link(&self, response: &mut Response) {
        for link in self.links.iter() {
            response.headers_mut().append(header::LINK, link.clone());
        }
    }

    /// The session, alive or among the last that ended.
    fn session(&self, camera: &str, id: &str) -> Result<SessionHandle, Problem> {
        id.parse::<SessionId>()
            .ok()
            .and_then(|id| self.registry.session(id))
            .filter(|session| session.status().camera == camera)
            .ok_or_else(|| unknown(id))
    }

    /// The session, alive and negotiated here.
    fn negotiated(
        &self,
        camera: &str,
        id: &str,
    ) -> Result<(SessionHandle, ice::IceSession), Problem> {
        let session = self.session(camera, id)?;
        let ice = self.ice.get(session.id()).filter(|_| !session.is_ended());
        ice.map(|ice| (session, ice)).ok_or_else(|| unknown(id))
    }

    fn alive(&self, id: SessionId) -> Option<SessionHandle> {
        self.registry.session(id).filter(|session| !session.is_ended())
    }
}

fn unknown(id: &str) -> Problem {
    Fault::new(FaultCode::SessionUnknown, format!("no session {id} of this camera")).into()
}
