// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is refused before, or at, a session's first step.

use axum::body::Body;
use axum::http::Method;
use futures_util::{StreamExt, stream};
use shutterd::daemon::server::Options;
use shutterd::lifecycle::StopReason;

use super::routes::Routes;
use super::service::offer;

const ID: &str = "/whep/head/0123456789abcdef";
const FRAGMENT: [(&str, &str); 1] = [("content-type", "application/trickle-ice-sdpfrag")];

#[tokio::test]
async fn an_offer_has_a_type_and_a_size() {
    let routes = Routes::plain();
    for headers in [&[][..], &[("content-type", "application/json")], &[("content-type", "sdp")]] {
        let answer = routes.ask(Method::POST, "/whep/head", headers, offer("h264")).await;
        assert_eq!(answer.is_problem(415, "not-sdp").header("accept-post"), "application/sdp");
    }
    routes.offer("head", "x".repeat(64 * 1024 + 1)).await.is_problem(413, "body-too-large");
    // Of a length that is not announced.
    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(4096))).boxed();
    let answer = routes.offer("head", Body::from_stream(endless)).await;
    answer.is_problem(413, "body-too-large");
    routes.offer("head", vec![0xff, 0xfe]).await.is_problem(400, "body-invalid");
    let broken = stream::iter([Ok("v=0\r\n"), Err(std::io::Error::other("reset"))]);
    let answer = routes.offer("head", Body::from_stream(broken)).await;
    answer.is_problem(400, "body-invalid");
    assert!(routes.registry.status().sessions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_not_waited_for() {
    let silence = stream::pending::<Result<String, std::io::Error>>();
    let answer = Routes::plain().offer("head", Body::from_stream(silence)).await;
    answer.is_problem(408, "body-late");
}

#[tokio::test]
async fn what_an_offer_says_decides() {
    let routes = Routes::plain();
    for garbage in ["", "nonsense", "{\"type\":\"offer\"}"] {
        routes.offer("head", garbage).await.is_problem(400, "sdp-invalid");
    }
    let audio = offer("h264").replace("m=video", "m=audio");
    routes.offer("head", audio).await.is_problem(422, "sdp-no-video");
    let sending = offer("h264").replace("a=recvonly", "a=sendonly");
    routes.offer("head", sending).await.is_problem(422, "sdp-no-video");
    let answer = routes.offer("head", offer("av1")).await;
    assert_eq!(answer.is_problem(406, "no-common-codec").header("retry-after"), "");
    routes.offer("tail", offer("h264")).await.is_problem(404, "camera-unknown");
    // The type of the body may have parameters.
    let headers = [("content-type", "Application/SDP; charset=utf-8")];
    let answer = routes.ask(Method::POST, "/whep/tail", &headers, offer("h264")).await;
    answer.is_problem(404, "camera-unknown");
    assert!(routes.registry.status().sessions.is_empty());
}

#[tokio::test]
async fn a_session_that_fails_before_its_answer_is_a_problem_with_the_reason() {
    let routes = Routes::plain();
    let answer = routes.offer("head", offer("h264")).await;
    answer.is_problem(503, "worker-unavailable");
    assert!(answer.json()["detail"].as_str().unwrap().starts_with("create-peer: "));
    // And it is remembered, with its outcome.
    let sessions = routes.get("/api/v1/sessions").await.json();
    let session = &sessions["sessions"][0];
    assert_eq!(session["outcome"]["cause"]["fault"]["code"], "worker-unavailable");
    let path = format!("/api/v1/sessions/{}", session["id"].as_str().unwrap());
    assert_eq!(routes.get(&path).await.json()["phase"], "ended");
    let path = format!("/whep/head/{}", session["id"].as_str().unwrap());
    // It was never negotiated, so there is nothing to add to.
    routes.ask(Method::PATCH, &path, &FRAGMENT, "").await.is_problem(404, "session-unknown");
    // Its end can be asked for, as often as one likes: it has ended.
    assert_eq!(routes.ask(Method::DELETE, &path, &[], "").await.status, 200);
    assert_eq!(routes.ask(Method::DELETE, &path, &[], "").await.status, 200);
    // Of another camera it is no session.
    let elsewhere = path.replace("head", "tail");
    routes.ask(Method::DELETE, &elsewhere, &[], "").await.is_problem(404, "session-unknown");
}

#[tokio::test]
async fn a_service_that_ends_says_so() {
    let routes = Routes::plain();
    routes.registry.stop_all(StopReason::Shutdown).await;
    let answer = routes.offer("head", offer("h264")).await;
    assert_eq!(answer.is_problem(503, "shutting-down").header("retry-after"), "5");
    routes.get("/healthz").await.is_problem(503, "shutting-down");
    assert_eq!(routes.get("/api/v1/status").await.json()["stopping"], true);
}

#[tokio::test]
async fn sessions_that_are_not_there() {
    let routes = Routes::plain();
    for id in [ID, "/whep/head/zz", "/whep/head/1"] {
        routes.ask(Method::PATCH, id, &FRAGMENT, "").await.is_problem(404, "session-unknown");
        routes.ask(Method::DELETE, id, &[], "").await.is_problem(404, "session-unknown");
    }
    for path in ["", "/timeline", "/stats"] {
        let path = format!("/api/v1/sessions/0123456789abcdef{path}");
        routes.get(&path).await.is_problem(404, "session-unknown");
    }
    let answer = routes.ask(Method::DELETE, "/api/v1/sessions/last", &[], "").await;
    answer.is_problem(404, "session-unknown");
}

#[tokio::test]
async fn options_say_what_a_path_takes() {
    let ice_servers = vec!["stun:stun.lan:3478".to_owned(), "turn:u:p@turn.lan:3478".to_owned()];
    let routes = Routes::new(Options { ice_servers, ..Options::default() });
    let answer = routes.ask(Method::OPTIONS, "/whep/head", &[], "").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("accept-post"), "application/sdp");
    assert_eq!(answer.header("allow"), "GET, HEAD, POST, OPTIONS");
    let links: Vec<_> = answer.headers.get_all("link").iter().collect();
    assert_eq!(links[0], "<stun:stun.lan:3478>; rel=\"ice-server\"");
    assert_eq!(links.len(), 2);
    let answer = routes.ask(Method::OPTIONS, ID, &[], "").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("accept-post"), "application/sdp");
    assert_eq!(answer.header("accept-patch"), "application/trickle-ice-sdpfrag");
    // Nothing is told of servers that are not configured.
    let answer = Routes::plain().ask(Method::OPTIONS, "/whep/head", &[], "").await;
    assert_eq!(answer.header("link"), "");
    // There is nothing to show: 2xx without content, as RFC 9725 and the WHEP draft have it.
    for method in [Method::GET, Method::HEAD] {
        assert_eq!(routes.ask(method.clone(), "/whep/head", &[], "").await.status, 204);
        assert_eq!(routes.ask(method, ID, &[], "").await.status, 204);
    }
}

#[tokio::test]
async fn a_websocket_is_one() {
    let routes = Routes::plain();
    let answer = routes.get("/ws/head").await;
    assert_eq!(answer.is_problem(426, "upgrade-required").header("upgrade"), "websocket");
}

#[tokio::test]
async fn a_query_is_one() {
    let routes = Routes::plain();
    for after in ["x", "-1", "1.5", ""] {
        let path = format!("/api/v1/status?after={after}");
        routes.get(&path).await.is_problem(400, "query-invalid");
    }
}
