// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may ask, and what a browser is told of it.

use axum::body::Body;
use axum::http::{Method, Request};
use shutterd::daemon::server::Options;

use super::routes::{Routes, ask};

const RIG: &str = "https://rig.example";
const EVIL: &str = "https://evil.example";

fn with(allowed: &str) -> Routes {
    Routes::new(Options { allowed_origins: vec![allowed.to_owned()], ..Options::default() })
}

#[tokio::test]
async fn a_foreign_page_can_ask_nothing() {
    let routes = with(RIG);
    for (method, path) in [
        (Method::POST, "/whep/head"),
        (Method::OPTIONS, "/whep/head"),
        (Method::PATCH, "/whep/head/0000000000000001"),
        (Method::DELETE, "/whep/head/0000000000000001"),
        (Method::GET, "/ws/head"),
        (Method::DELETE, "/api/v1/sessions/0000000000000001"),
        (Method::GET, "/api/v1/status"),
        (Method::GET, "/"),
        (Method::GET, "/nothing"),
    ] {
        for origin in [EVIL, "null", "http://localhost:3000", "https://rig.example.evil.example"] {
            let answer = routes.ask(method.clone(), path, &[("origin", origin)], "").await;
            answer.is_problem(403, "origin-forbidden");
            assert_eq!(answer.header("access-control-allow-origin"), "");
            assert_eq!(answer.header("vary"), "Origin");
        }
    }
    assert!(routes.registry.status().sessions.is_empty());
}

#[tokio::test]
async fn a_name_that_was_pointed_at_loopback_is_not_ours() {
    let routes = with(RIG);
    // To its browser such a page is of the same origin.
    for host in ["evil.example:8787", "127.0.0.1.evil.example", "192.168.1.2:8787"] {
        let origin = format!("http://{host}");
        let headers = [("host", host), ("origin", origin.as_str())];
        let answer = routes.ask(Method::POST, "/whep/head", &headers, "").await;
        answer.is_problem(403, "host-forbidden");
    }
    routes
        .ask(Method::GET, "/healthz", &[("host", "")], "")
        .await
        .is_problem(403, "host-forbidden");
    for host in ["localhost:8787", "127.0.0.1:8787", "[::1]:8787", "rig.example"] {
        assert_eq!(routes.ask(Method::GET, "/healthz", &[("host", host)], "").await.status, 200);
    }
    // Who listens beyond loopback has names that we do not know.
    let request = || Request::get("/healthz").header("host", "headset.lan").body(Body::empty());
    assert_eq!(ask(routes.server.guarded(false), request().unwrap()).await.status, 200);
}

#[tokio::test]
async fn two_hosts_are_none() {
    let routes = Routes::plain();
    let request = Request::get("/healthz")
        .header("host", "localhost")
        .header("host", "localhost")
        .body(Body::empty());
    ask(routes.server.guarded(true), request.unwrap()).await.is_problem(403, "host-forbidden");
}

#[tokio::test]
async fn our_own_page_needs_no_permission() {
    let headers = [("origin", "http://localhost:8787")];
    let answer = Routes::plain().ask(Method::GET, "/api/v1/status", &headers, "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn an_allowed_page_may_read_what_it_needs() {
    let answer = with(RIG).ask(Method::GET, "/api/v1/status", &[("origin", RIG)], "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), RIG);
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    for name in ["Location", "ETag", "Link", "Accept-Patch"] {
        assert!(answer.header("access-control-expose-headers").contains(name), "{name}");
    }
    // A refusal must be readable too.
    let answer = with(RIG).ask(Method::POST, "/whep/head", &[("origin", RIG)], "x").await;
    answer.is_problem(415, "not-sdp");
    assert_eq!(answer.header("access-control-allow-origin"), RIG);
}

#[tokio::test]
async fn preflights_name_the_methods_and_headers() {
    for (path, method) in [
        ("/whep/head", "POST"),
        ("/whep/head/0000000000000001", "PATCH"),
        ("/whep/head/0000000000000001", "DELETE"),
        ("/api/v1/sessions/0000000000000001", "DELETE"),
        ("/api/v1/status", "GET"),
    ] {
        let headers = [("origin", RIG), ("access-control-request-method", method)];
        let answer = with(RIG).ask(Method::OPTIONS, path, &headers, "").await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), RIG);
        assert!(answer.header("access-control-allow-methods").contains(method), "{path}");
        assert!(answer.header("access-control-allow-headers").contains("If-Match"));
    }
}

#[tokio::test]
async fn an_asterisk_allows_every_page() {
    let answer = with("*").ask(Method::GET, "/api/v1/status", &[("origin", EVIL)], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, "*"));
}

#[tokio::test]
async fn the_page_may_do_only_what_its_policy_names() {
    let routes = Routes::plain();
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/viewer.js", "text/javascript; charset=utf-8"),
        ("/viewer.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = routes.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, media_type));
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let known = [("if-none-match", answer.header("etag"))];
        let again = routes.ask(Method::GET, path, &known, "").await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_same_form() {
    let routes = Routes::plain();
    routes.get("/nothing").await.is_problem(404, "not-found");
    routes.get("/whep/a/b/c").await.is_problem(404, "not-found");
    for (method, path, allow) in [
        (Method::PUT, "/whep/head", "GET, HEAD, POST, OPTIONS"),
        (Method::PATCH, "/whep/head", "GET, HEAD, POST, OPTIONS"),
        (Method::PUT, "/whep/head/1", "GET, HEAD, PATCH, DELETE, OPTIONS"),
        (Method::POST, "/whep/head/1", "GET, HEAD, PATCH, DELETE, OPTIONS"),
        (Method::POST, "/api/v1/status", "GET, HEAD, OPTIONS"),
        (Method::PUT, "/api/v1/sessions/1", "GET, HEAD, DELETE, OPTIONS"),
        (Method::POST, "/ws/head", "GET, HEAD, OPTIONS"),
        (Method::DELETE, "/", "GET, HEAD, OPTIONS"),
    ] {
        let answer = routes.ask(method.clone(), path, &[], "").await;
        answer.is_problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
}
