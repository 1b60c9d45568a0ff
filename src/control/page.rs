// SPDX-License-Identifier: MIT OR Apache-2.0
//! The viewer page. It is part of the binary, loads nothing from elsewhere and may do nothing that
//! its policy does not name.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::http::methods;

/// What the page may do: run its own script, talk to this service, play media. Nothing else, and
/// nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; media-src 'self' blob: mediastream:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const FILES: &[(&str, &str, &str)] = &[
    ("/", "text/html; charset=utf-8", include_str!("../web/index.html")),
    ("/icon.svg", "image/svg+xml", include_str!("../web/icon.svg")),
    ("/timeline.css", "text/css; charset=utf-8", include_str!("../web/timeline.css")),
    ("/viewer.css", "text/css; charset=utf-8", include_str!("../web/viewer.css")),
    ("/cameras.js", "text/javascript; charset=utf-8", include_str!("../web/cameras.js")),
    ("/figures.js", "text/javascript; charset=utf-8", include_str!("../web/figures.js")),
    ("/peer.js", "text/javascript; charset=utf-8", include_str!("../web/peer.js")),
    ("/problem.js", "text/javascript; charset=utf-8", include_str!("../web/problem.js")),
    ("/status.js", "text/javascript; charset=utf-8", include_str!("../web/status.js")),
    ("/steps.js", "text/javascript; charset=utf-8", include_str!("../web/steps.js")),
    ("/timeline.js", "text/javascript; charset=utf-8", include_str!("../web/timeline.js")),
    ("/viewer.js", "text/javascript; charset=utf-8", include_str!("../web/viewer.js")),
    ("/websocket.js", "text/javascript; charset=utf-8", include_str!("../web/websocket.js")),
    ("/whep.js", "text/javascript; charset=utf-8", include_str!("../web/whep.js")),
];

/// The routes.
pub fn router() -> Router {
    FILES.iter().fold(Router::new(), |router, &(path, media_type, text)| {
        let etag = etag(text);
        let serve = move |headers: HeaderMap| {
            let etag = etag.clone();
            async move { file(&headers, media_type, text, &etag) }
        };
        router.route(path, methods::only(get(serve), "GET, HEAD, OPTIONS"))
    })
}

/// Changes with the text; the same for as long as the binary is.
fn etag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

fn file(headers: &HeaderMap, media_type: &'static str, text: &'static str, etag: &str) -> Response {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        value.to_str().is_ok_and(|tags| tags.split(',').any(|tag| tag.trim() == etag))
    });
    let fixed = |name: HeaderName, value: &'static str| (name, HeaderValue::from_static(value));
    let common = [
        (header::ETAG, HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("\"\""))),
        fixed(header::CACHE_CONTROL, "no-cache"),
        fixed(header::CONTENT_SECURITY_POLICY, POLICY),
        fixed(header::REFERRER_POLICY, "no-referrer"),
        fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        fixed(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        fixed(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(header::CONTENT_TYPE, media_type)], text).into_response()
}
