// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a path answers to methods that it does not have.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;

use super::{Problem, RequestFault};

/// The methods of a path, `allow` being their list: OPTIONS says so with 204 (a preflight needs
/// it), every other method gets 405.
pub fn only<S: Clone + Send + Sync + 'static>(
    methods: MethodRouter<S>,
    allow: &'static str,
) -> MethodRouter<S> {
    fallback(methods.options(move || async move { options(allow) }), allow)
}

/// As [`only`], for a path that has its own OPTIONS.
pub fn fallback<S: Clone + Send + Sync + 'static>(
    methods: MethodRouter<S>,
    allow: &'static str,
) -> MethodRouter<S> {
    methods.fallback(move || async move {
        let mut response =
            Problem::request(RequestFault::MethodNotAllowed, format!("allowed: {allow}"))
                .into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        response
    })
}

/// 204 with the list of methods.
pub fn options(allow: &'static str) -> Response {
    (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response()
}

/// For a router's fallback: the path names nothing.
pub async fn not_found(uri: axum::http::Uri) -> Problem {
    Problem::request(RequestFault::NotFound, uri.path())
}
