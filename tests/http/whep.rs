// SPDX-License-Identifier: MIT OR Apache-2.0
//! WHEP against the real service: what a viewer sees from its offer to the end.

use axum::http::Method;
use serde_json::json;
use shutterd::session::CameraState;

use super::service::{Answer, DEMO, Service, UNHURRIED, offer};

fn started(max_viewers: u32) -> Service {
    Service::start(&format!("{UNHURRIED}{DEMO}max-viewers = {max_viewers}\n"))
}

fn fragment(ufrag: &str) -> String {
    format!(
        "a=ice-ufrag:{ufrag}\r\na=ice-pwd:nobodyhasthispassword00\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
         a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n"
    )
}

async fn patch(service: &Service, path: &str, if_match: Option<&str>, body: &str) -> Answer {
    let mut headers = vec![("content-type", "application/trickle-ice-sdpfrag")];
    headers.extend(if_match.map(|tag| ("if-match", tag)));
    service.request(Method::PATCH, path, &headers, body.to_owned()).await
}

fn is_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.json()["code"], code, "{answer:?}");
}

// Failure modes: N8.
#[tokio::test]
async fn from_the_offer_to_the_end() {
    let service = started(8);
    let answer = service.offer("head", &offer("vp8")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/sdp");
    assert_eq!(answer.header("accept-patch"), "application/trickle-ice-sdpfrag");
    assert_eq!(answer.header("link"), "");
    let ufrag = answer.body.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap();
    assert_eq!(answer.header("etag"), format!("\"{ufrag}\""));
    // The device's candidates are in the answer: WHEP has no way to send them later.
    assert!(answer.body.contains("\r\na=candidate:"), "{}", answer.body);
    assert!(answer.body.contains("a=sendonly"), "{}", answer.body);
    let session = answer.header("location").to_owned();
    let id = session.strip_prefix("/whep/head/").unwrap();
    assert_eq!(id.len(), 16);
    let etag = answer.header("etag");

    // Candidates: with the tag, without one, and with the asterisk that mediamtx's reader sends.
    for tag in [Some(etag), None, Some("*")] {
        let answer = patch(&service, &session, tag, &fragment("nobd")).await;
        assert_eq!((answer.status.as_u16(), answer.header("etag")), (204, ""), "{answer:?}");
    }
    let answer = patch(&service, &session, Some("\"other\""), &fragment("nobd")).await;
    is_problem(&answer, 412, "ice-session-mismatch");
    // An ICE restart is refused, and the session goes on.
    let answer = patch(&service, &session, Some("*"), &fragment("neWw")).await;
    is_problem(&answer, 422, "ice-restart-unsupported");
    let headers = [("content-type", "application/sdp")];
    let answer = service.request(Method::PATCH, &session, &headers, fragment("nobd")).await;
    is_problem(&answer, 415, "not-sdpfrag");
    assert_eq!(answer.header("accept-patch"), "application/trickle-ice-sdpfrag");
    let answer = patch(&service, &session, None, "a=candidate:nonsense\r\n").await;
    assert!(answer.status.is_client_error(), "{answer:?}");
    let answer = patch(&service, &session, None, &"x".repeat(70_000)).await;
    is_problem(&answer, 413, "body-too-large");
    let status = service.status().await;
    assert_eq!(status.sessions[0].outcome, None, "{status:?}");
    assert_eq!(
        status.sessions[0].viewer.as_deref().map(|v| v.starts_with("127.0.0.1:")),
        Some(true)
    );

    let answer = service.request(Method::DELETE, &session, &[], "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({ "cause": { "kind": "requested", "by": "viewer" }, "unclean": [], "held": [] })
    );
    // The camera is observed closed when the answer is there, not some time later.
    let status = service.status().await;
    assert_eq!(status.cameras[0].state, CameraState::Closed);
    // Again, and too late.
    let answer = service.request(Method::DELETE, &session, &[], "").await;
    assert_eq!(answer.status, 200);
    is_problem(&patch(&service, &session, None, &fragment("nobd")).await, 404, "session-unknown");
}

#[tokio::test]
async fn a_camera_that_opens_after_connected_is_shut_when_the_answer_is_there() {
    let service = Service::start(&format!("{UNHURRIED}{DEMO}camera-opens = \"after-connected\"\n"));
    for codec in ["h264", "vp8"] {
        let answer = service.offer("head", &offer(codec)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert!(answer.body.contains("a=ssrc:"), "{}", answer.body);
        let status = service.status().await;
        let camera = &status.cameras[0];
        assert_eq!((camera.state, camera.viewers), (CameraState::Closed, 0));
        service.request(Method::DELETE, answer.header("location"), &[], "").await;
    }
}

#[tokio::test]
async fn a_full_camera_says_when_to_come_back() {
    let service = started(1);
    let first = service.offer("head", &offer("vp8")).await;
    assert_eq!(first.status, 201, "{first:?}");
    let second = service.offer("head", &offer("vp8")).await;
    is_problem(&second, 503, "too-many-viewers");
    assert_eq!(second.header("retry-after"), "5");
    service.request(Method::DELETE, first.header("location"), &[], "").await;
    let third = service.offer("head", &offer("vp8")).await;
    assert_eq!(third.status, 201, "{third:?}");
}

#[tokio::test]
async fn a_codec_that_is_not_the_one_in_use_has_to_wait() {
    let service = started(8);
    let first = service.offer("head", &offer("vp8")).await;
    assert_eq!(first.status, 201, "{first:?}");
    let second = service.offer("head", &offer("h264")).await;
    is_problem(&second, 503, "codec-in-use");
    assert_eq!(second.header("retry-after"), "5");
}

#[tokio::test]
async fn a_viewer_that_gives_up_its_request_leaves_no_session() {
    use tokio::io::AsyncWriteExt;
    let service = started(8);
    let offer = offer("vp8");
    let mut stream = tokio::net::TcpStream::connect(service.address).await.unwrap();
    let request = format!(
        "POST /whep/head HTTP/1.1\r\nHost: {}\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{offer}",
        service.address,
        offer.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    service.until("begun", |status| !status.sessions.is_empty()).await;
    drop(stream);
    let status = service.until_idle().await;
    let outcome = status.sessions[0].outcome.as_ref().unwrap();
    assert_eq!(outcome.cause.to_string(), "requested(viewer)");
    assert!(outcome.held.is_empty(), "{outcome:?}");
}
