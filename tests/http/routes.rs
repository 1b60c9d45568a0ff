// SPDX-License-Identifier: MIT OR Apache-2.0
//! The routes within this process. No worker program is there, so no session gets beyond its first
//! step: enough for everything that is decided before, and for that.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use shutterd::config::Config;
use shutterd::daemon::server::{Options, Server};
use shutterd::session::{Journal, Registry};
use shutterd::worker::Spares;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::service::DEMO;

pub(super) struct Routes {
    pub(super) registry: Registry,
    pub(super) server: Server,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Holds it against a problem document of this status and code.
    pub(super) fn is_problem(&self, status: u16, code: &str) -> &Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{body}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let document = self.json();
        assert_eq!(document["status"], status);
        assert_eq!(document["code"], code, "{document}");
        let kind = document["type"].as_str().unwrap();
        assert!(kind.starts_with("urn:shutterd:") && kind.ends_with(code), "{kind}");
        assert!(!document["remedy"].as_str().unwrap().is_empty());
        self
    }
}

impl Routes {
    pub(super) fn new(options: Options) -> Self {
        let config = Config::from_text(DEMO).unwrap();
        let tasks = TaskTracker::new();
        let nowhere = PathBuf::from("/nowhere/shutter-media");
        let spares = Arc::new(Spares::new(nowhere, Vec::new(), false, tasks.clone()));
        let registry = Registry::new(&config, spares, tasks, Journal::begin(None));
        Self { server: Server::new(registry.clone(), options), registry }
    }

    pub(super) fn plain() -> Self {
        Self::new(Options::default())
    }

    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "localhost:8787");
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        ask(self.server.guarded(true), request.body(body.into()).unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], "").await
    }

    pub(super) async fn offer(&self, camera: &str, sdp: impl Into<Body>) -> Answer {
        let headers = [("content-type", "application/sdp")];
        self.ask(Method::POST, &format!("/whep/{camera}"), &headers, sdp).await
    }
}

pub(super) async fn ask(routes: Router, request: Request<Body>) -> Answer {
    let (parts, body) = routes.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}
