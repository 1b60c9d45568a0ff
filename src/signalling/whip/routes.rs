// SPDX-License-Identifier: MIT OR Apache-2.0
//! `POST /api/v1/sessions`: a push that is begun once, by whoever asks.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::Pushes;
use crate::config::Push;
use crate::http::{Problem, RequestFault, body};

/// `POST /api/v1/sessions`: what is pushed where, once.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushRequest {
    /// The camera's name.
    pub camera: String,
    /// The server's WHIP endpoint, `https://…` or `http://…`.
    pub whip: String,
    /// The bearer token that the server wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl std::fmt::Debug for PushRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token is nobody's to read in a log.
        f.debug_struct("PushRequest").field("camera", &self.camera).finish_non_exhaustive()
    }
}

/// The route.
pub fn router(pushes: Pushes) -> Router {
    Router::new().route("/api/v1/sessions", post(push)).with_state(pushes)
}

/// Begins a push; answers before the server has, and the session says how that goes.
async fn push(
    State(pushes): State<Pushes>,
    headers: HeaderMap,
    text: Body,
) -> Result<Response, Problem> {
    if !body::is_type(&headers, "application/json") {
        let detail = "what is to be pushed is `application/json`";
        return Err(Problem::request(RequestFault::BodyInvalid, detail));
    }
    let asked: PushRequest = serde_json::from_str(&body::read_text(&headers, text).await?)
        .map_err(|error| Problem::request(RequestFault::BodyInvalid, error.to_string()))?;
    let PushRequest { camera, whip, token } = asked;
    let session = pushes.begin(&Push { camera, whip, token, token_file: None })?.status();
    let place = HeaderValue::try_from(format!("/api/v1/sessions/{}", session.id));
    let mut response = (StatusCode::CREATED, Json(session)).into_response();
    response.headers_mut().extend(place.ok().map(|place| (header::LOCATION, place)));
    Ok(response)
}
