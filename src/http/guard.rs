// SPDX-License-Identifier: MIT OR Apache-2.0
//! The layer in front of everything that listens on TCP: refuses who may not ask, and tells
//! browsers what an allowed page may read (CORS).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::origin::{OriginPolicy, Standing};
use super::{Problem, RequestFault};

/// What a page of another origin may send.
const ALLOW_HEADERS: &str = "Content-Type, If-Match, Authorization";
/// What a page of another origin may read, beside what every page may.
const EXPOSE_HEADERS: &str = "Location, ETag, Link, Accept-Patch, Retry-After";
/// How long a browser may remember a preflight, seconds.
const PREFLIGHT_AGE: &str = "600";

/// For `axum::middleware::from_fn_with_state`.
pub async fn guard(
    State(policy): State<Arc<OriginPolicy>>,
    request: Request,
    next: Next,
) -> Response {
    let host = match host(&request) {
        Ok(host) => host,
        Err(problem) => return problem.into_response(),
    };
    if !policy.knows_host(host.as_deref()) {
        let name = host.unwrap_or_default();
        return Problem::request(RequestFault::HostForbidden, format!("Host: {name}"))
            .into_response();
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let standing = match &origin {
        None => Standing::Same,
        Some(origin) => match origin.to_str() {
            Ok(origin) => policy.standing(origin, host.as_deref()),
            Err(_) => Standing::Foreign,
        },
    };
    let preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match standing {
        Standing::Foreign => Problem::request(
            RequestFault::OriginForbidden,
            format!("Origin: {}", origin.as_ref().and_then(|o| o.to_str().ok()).unwrap_or("?")),
        )
        .into_response(),
        Standing::Same | Standing::Allowed => next.run(request).await,
    };
    let headers = response.headers_mut();
    fixed(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // The answer depends on who asks, whatever it is.
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let (Standing::Allowed, Some(origin)) = (standing, origin) {
        let who = if policy.allows_any() { HeaderValue::from_static("*") } else { origin };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, who);
        fixed(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
        if preflight {
            if let Some(allow) = headers.get(header::ALLOW).cloned() {
                headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, allow);
            }
            fixed(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
            fixed(headers, header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE);
        }
    }
    response
}

fn fixed(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// What the request calls us: the authority of an absolute target, else the one `Host` header.
fn host(request: &Request) -> Result<Option<String>, Problem> {
    if let Some(authority) = request.uri().authority() {
        return Ok(Some(authority.as_str().to_owned()));
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let first = hosts.next();
    if hosts.next().is_some() {
        return Err(Problem::request(RequestFault::HostForbidden, "more than one Host"));
    }
    Ok(first.and_then(|host| host.to_str().ok()).map(str::to_owned))
}
