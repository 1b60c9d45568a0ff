// SPDX-License-Identifier: MIT OR Apache-2.0
//! The API: what there is, as JSON, and the end of a session.
//!
//! `?after=SERIAL` waits for a publication newer than SERIAL, for at most [`LONG_POLL`], and then
//! answers in any case. Serials belong to one run of the service: one that has not been given out
//! yet is of an earlier run, and is answered at once.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout, timeout_at};

use crate::http::{Problem, RequestFault, methods};
use crate::lifecycle::{Fault, FaultCode, StopReason};
use crate::session::{
    CameraState, CameraStatus, Found, Registry, ServiceStatus, SessionStatus, SessionTimeline,
};
use crate::wire::{SessionId, ViewerStats};

/// How long a long poll waits.
pub const LONG_POLL: Duration = Duration::from_secs(25);
/// How long a worker may take to report its figures.
const STATS_DEADLINE: Duration = Duration::from_secs(2);

/// How many sessions of the journal are listed unless `?limit=` says otherwise.
const LISTED: usize = 100;

const READ_ONLY: &str = "GET, HEAD, OPTIONS";

/// `GET /api/v1/cameras`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cameras {
    /// See [`ServiceStatus::serial`].
    pub serial: u64,
    /// The cameras, as configured.
    pub cameras: Vec<CameraStatus>,
}

/// `GET /api/v1/sessions`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sessions {
    /// See [`ServiceStatus::serial`].
    pub serial: u64,
    /// Those alive, and the last ones that ended.
    pub sessions: Vec<SessionStatus>,
}

/// `GET /api/v1/journal`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Those of this run of the service and of earlier ones, newest first.
    pub sessions: Vec<SessionStatus>,
}

/// The routes.
pub fn router(registry: Registry) -> Router {
    let read = |method| methods::only(method, READ_ONLY);
    Router::new()
        .route("/api/v1/status", read(get(status)))
        .route("/api/v1/cameras", read(get(cameras)))
        .route(
            "/api/v1/sessions",
            // To begin one is `signalling/whip`'s.
            methods::only(get(sessions), "GET, HEAD, POST, OPTIONS"),
        )
        .route(
            "/api/v1/sessions/{id}",
            methods::only(get(session).delete(stop), "GET, HEAD, DELETE, OPTIONS"),
        )
        .route("/api/v1/sessions/{id}/timeline", read(get(timeline)))
        .route("/api/v1/sessions/{id}/stats", read(get(stats)))
        .route("/api/v1/journal", read(get(journal)))
        .route("/healthz", read(get(health)))
        .with_state(registry)
}

#[derive(Deserialize)]
struct Poll {
    after: Option<u64>,
}

type Asked = Result<Query<Poll>, QueryRejection>;
type Answer<T> = Result<([(HeaderName, HeaderValue); 1], Json<T>), Problem>;

fn answer<T>(body: T) -> Answer<T> {
    // What stands here is true for a moment only.
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body)))
}

/// The serial that is to be waited for, if any.
fn after(asked: Asked) -> Result<Option<u64>, Problem> {
    asked
        .map(|Query(poll)| poll.after)
        .map_err(|rejection| Problem::request(RequestFault::QueryInvalid, rejection.body_text()))
}

async fn poll(registry: &Registry, after: Option<u64>) -> ServiceStatus {
    let now = registry.status();
    match after {
        Some(after) if after == now.serial => {
            timeout(LONG_POLL, registry.changed(after)).await.unwrap_or_else(|_| registry.status())
        }
        _ => now,
    }
}

async fn status(State(registry): State<Registry>, asked: Asked) -> Answer<ServiceStatus> {
    answer(poll(&registry, after(asked)?).await)
}

async fn cameras(State(registry): State<Registry>, asked: Asked) -> Answer<Cameras> {
    let ServiceStatus { serial, cameras, .. } = poll(&registry, after(asked)?).await;
    answer(Cameras { serial, cameras })
}

async fn sessions(State(registry): State<Registry>, asked: Asked) -> Answer<Sessions> {
    let ServiceStatus { serial, sessions, .. } = poll(&registry, after(asked)?).await;
    answer(Sessions { serial, sessions })
}

#[derive(Deserialize)]
struct Wanted {
    limit: Option<usize>,
}

async fn journal(
    State(registry): State<Registry>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer<History> {
    let Query(wanted) = wanted
        .map_err(|rejection| Problem::request(RequestFault::QueryInvalid, rejection.body_text()))?;
    answer(History { sessions: registry.history(wanted.limit.unwrap_or(LISTED)).await? })
}

async fn find(registry: &Registry, id: &str) -> Result<Found, Problem> {
    let found = match id.parse::<SessionId>() {
        Ok(id) => registry.find(id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| Fault::new(FaultCode::SessionUnknown, format!("no session {id}")).into())
}

async fn session(
    State(registry): State<Registry>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer<SessionStatus> {
    let after = after(asked)?;
    let session = match find(&registry, &id).await? {
        Found::Present(session) => session,
        // Nothing of it will change.
        Found::Past(past) => return answer(past.session),
    };
    let Some(after) = after else { return answer(session.status()) };
    // Other sessions publish too: wait for a publication of this one. A serial that has not been
    // given out is of an earlier run.
    let deadline = Instant::now() + LONG_POLL;
    let mut now = registry.status().serial;
    while after <= now && session.status().serial <= after {
        match timeout_at(deadline, registry.changed(now)).await {
            Ok(status) if status.serial > now => now = status.serial,
            // Too late, or the service ends.
            _ => break,
        }
    }
    answer(session.status())
}

async fn timeline(
    State(registry): State<Registry>,
    Path(id): Path<String>,
) -> Answer<SessionTimeline> {
    answer(match find(&registry, &id).await? {
        Found::Present(session) => session.timeline(),
        Found::Past(past) => *past,
    })
}

async fn stats(State(registry): State<Registry>, Path(id): Path<String>) -> Answer<ViewerStats> {
    let Found::Present(session) = find(&registry, &id).await? else {
        return Err(Fault::new(FaultCode::SessionUnknown, format!("session {id} has ended")).into());
    };
    match timeout(STATS_DEADLINE, session.stats()).await {
        Ok(figures) => answer(figures?),
        Err(_) => Err(Fault::new(FaultCode::Late, "the worker did not report its figures").into()),
    }
}

/// Ends a session and waits until it has ended. A request that is given up changes nothing: the
/// session ends all the same.
async fn stop(State(registry): State<Registry>, Path(id): Path<String>) -> Answer<SessionStatus> {
    let session = match find(&registry, &id).await? {
        Found::Present(session) => session,
        Found::Past(past) => return answer(past.session),
    };
    session.stop(StopReason::Api);
    session.ended().await;
    answer(session.status())
}

/// Whether the service can do what it is for. A camera that is held by something is a fault of the
/// device that its supervisor should know of.
async fn health(State(registry): State<Registry>) -> Response {
    let status = registry.status();
    let wedged = status.cameras.iter().find(|camera| camera.state == CameraState::Wedged);
    if status.stopping {
        Problem::from(Fault::new(FaultCode::ShuttingDown, "the service is ending")).into_response()
    } else if let Some(camera) = wedged {
        let detail = camera.fault.as_ref().map_or("", |fault| fault.detail.as_str());
        let detail = format!("{}: {detail}", camera.name);
        Problem::from(Fault::new(FaultCode::CameraWedged, detail)).into_response()
    } else {
        let body = Json(serde_json::json!({ "status": "ok", "version": status.version }));
        (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")], body).into_response()
    }
}
