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

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($($path:literal: $media_type:ident $file:literal,)*) => {
        /// Path, media type and text of every file of the page; a test holds the list against the
        /// directory.
        const FILES: &[(&str, &str, &str)] =
            &[$(($path, $media_type, include_str!(concat!("../web/", $file))),)*];
        #[cfg(test)]
        const NAMES: &[&str] = &[$($file),*];
    };
}

files! {
    "/": HTML "index.html",
    "/icon.svg": SVG "icon.svg",
    "/viewer.css": STYLE "viewer.css",
    "/timeline.css": STYLE "timeline.css",
    "/viewer.js": SCRIPT "viewer.js",
    "/cameras.js": SCRIPT "cameras.js",
    "/figures.js": SCRIPT "figures.js",
    "/peer.js": SCRIPT "peer.js",
    "/problem.js": SCRIPT "problem.js",
    "/status.js": SCRIPT "status.js",
    "/steps.js": SCRIPT "steps.js",
    "/timeline.js": SCRIPT "timeline.js",
    "/websocket.js": SCRIPT "websocket.js",
    "/whep.js": SCRIPT "whep.js",
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let tree = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the tree is");
        let mut files: Vec<String> = std::fs::read_dir(format!("{tree}/src/web"))
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut served = NAMES.to_vec();
        files.sort();
        served.sort_unstable();
        assert_eq!(served, files);
    }
}
