// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pushes: a camera sent to a WHIP server, once or for as long as the service runs.

#![allow(clippy::unwrap_used)] // a test says so by failing

use hyper::{Method, StatusCode};
use serde_json::json;
use service::{DEMO, Service};
use shutterd::lifecycle::{Cause, FaultCode, Outcome, StopReason};
use shutterd::session::CameraState;

use server::tls::Identity;
use server::{Turn, WhipServer};
use soon::soon;

#[path = "media/decoder.rs"]
mod decoder;
#[path = "whip/server.rs"]
mod server;
mod service;
#[path = "media/soon.rs"]
mod soon;
#[allow(dead_code, reason = "the workers' tests use more of it")]
#[path = "media/viewer.rs"]
mod viewer;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// Begins a push; its session.
async fn push(service: &Service, server: &WhipServer) -> String {
    let asked = json!({ "camera": "head", "whip": server.url(), "token": "secret" });
    let answer = service.request(Method::POST, "/api/v1/sessions", &JSON, asked.to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), format!("/api/v1/sessions/{id}"));
    id
}

/// How the only session there was has ended, and the camera with it.
async fn ended(service: &Service) -> Outcome {
    let over = |status: &shutterd::session::ServiceStatus| {
        status.sessions.last().is_some_and(|session| session.outcome.is_some())
    };
    let status = service.until("the end", over).await;
    assert_eq!(status.cameras[0].state, CameraState::Closed);
    let outcome = status.sessions.last().unwrap().outcome.clone().unwrap();
    assert_eq!(outcome.held, []);
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_is_seen_by_the_server_and_told_its_end() {
    let service = Service::start(DEMO);
    // A server may send whoever asks to another place, which is then the one that counts.
    let mut server = WhipServer::start([Turn::Redirect("/other/head"), Turn::Watch]).await;
    let id = push(&service, &server).await;
    let first = server.asked().await;
    assert_eq!((first.method, first.path.as_str()), (Method::POST, "/whip/head?key=1"));
    let offer = server.asked().await;
    assert_eq!((&offer.method, offer.path.as_str()), (&Method::POST, "/other/head"));
    assert_eq!((offer.token.as_str(), offer.kind.as_str()), ("Bearer secret", "application/sdp"));
    // All in one piece, sent only, and nothing but media.
    assert!(offer.body.contains("a=sendonly") && offer.body.contains("a=candidate:"), "{offer:?}");
    assert!(!offer.body.contains("m=application"), "{offer:?}");

    let viewer = server.viewer().await;
    soon("pictures", viewer.frames().wait_for(|frames| *frames >= 10)).await.unwrap();
    let session = &service.status().await.sessions[0];
    // Without what may be a key.
    let shown = format!("http://{}/whip/head", server.address);
    assert_eq!(session.viewer.as_ref(), Some(&shown));

    let stopped = service.request(Method::DELETE, &format!("/api/v1/sessions/{id}"), &[], "").await;
    assert_eq!(stopped.status, StatusCode::OK, "{stopped:?}");
    assert_eq!(ended(&service).await.cause, Cause::Requested { by: StopReason::Api });
    let end = server.asked().await;
    assert_eq!((end.method, end.path.as_str()), (Method::DELETE, "/other/resource/1"));
    assert_eq!(end.token, "Bearer secret");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_is_for_servers_that_the_system_trusts() {
    let directory = tempfile::tempdir().unwrap();
    let identity = Identity::new(directory.path());
    // By OpenSSL's variable, which an operator may set too.
    let mut trusting = std::process::Command::new(env!("CARGO_BIN_EXE_shutterd"));
    trusting.env("SSL_CERT_FILE", &identity.certificate);
    let service = Service::start_by(trusting, DEMO);
    let mut server = WhipServer::start_as(Some(&identity), [Turn::Watch]).await;
    let id = push(&service, &server).await;
    let viewer = server.viewer().await;
    soon("pictures", viewer.frames().wait_for(|frames| *frames >= 5)).await.unwrap();
    service.request(Method::DELETE, &format!("/api/v1/sessions/{id}"), &[], "").await;
    assert_eq!(ended(&service).await.cause, Cause::Requested { by: StopReason::Api });

    // The same certificate, in which a service that was told nothing has no trust.
    let service = Service::start(DEMO);
    push(&service, &server).await;
    let Cause::Lost { fault } = ended(&service).await.cause else { panic!("it is a stranger") };
    assert_eq!(fault.code, FaultCode::PushRefused);
    assert!(fault.detail.contains("certificate"), "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_take_it_is_quoted() {
    let service = Service::start(DEMO);
    let long: &str = "v=0\r\n".repeat(100_000).leak();
    let mut server = WhipServer::start([
        Turn::Say(StatusCode::UNAUTHORIZED, "no such token"),
        Turn::Say(StatusCode::CREATED, "hello"),
        Turn::Say(StatusCode::CREATED, long),
    ])
    .await;
    for words in ["401 Unauthorized: no such token", "'s answer: ", "answer is too long"] {
        push(&service, &server).await;
        let Cause::Lost { fault } = ended(&service).await.cause else { panic!("{words}") };
        assert_eq!(fault.code, FaultCode::PushRefused);
        assert!(fault.detail.contains(words) && !fault.detail.contains("key=1"), "{fault}");
        assert_eq!(server.asked().await.method, Method::POST);
        // What it made of the offer is not left behind.
        if !words.contains("401") {
            assert_eq!(server.asked().await.method, Method::DELETE);
        }
    }
    // By hand, as an operator would.
    server.next(Turn::Say(StatusCode::FORBIDDEN, "no"));
    let token = service.directory().join("token");
    std::fs::write(&token, "by hand\n").unwrap();
    let said = std::process::Command::new(env!("CARGO_BIN_EXE_shutterctl"))
        .arg("--socket")
        .arg(&service.socket)
        .args(["start", "head", &server.url(), "--token-file"])
        .arg(&token)
        .output()
        .unwrap();
    assert!(said.status.success(), "{said:?}");
    assert!(String::from_utf8_lossy(&said.stdout).contains("head    h264"), "{said:?}");
    assert_eq!(server.asked().await.token, "Bearer by hand");
    ended(&service).await;
    // One that is not there.
    let gone = WhipServer::start([]).await;
    let address = gone.url();
    drop(gone);
    let asked = json!({ "camera": "head", "whip": address }).to_string();
    service.request(Method::POST, "/api/v1/sessions", &JSON, asked).await;
    let Cause::Lost { fault } = ended(&service).await.cause else { panic!("nobody is there") };
    assert!(fault.detail.contains("refused"), "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let service = Service::start(&format!("{DEMO}[deadlines]\nawait-answer = \"500ms\"\n"));
    let server = WhipServer::start([Turn::Hang]).await;
    push(&service, &server).await;
    let cause = ended(&service).await.cause;
    assert!(matches!(cause, Cause::StartLate { .. }), "{cause:?}");
    // It can be stopped meanwhile, too.
    let id = push(&service, &server).await;
    let stopped = service.request(Method::DELETE, &format!("/api/v1/sessions/{id}"), &[], "").await;
    assert_eq!(stopped.json()["phase"], "ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_pushed_is_said_at_once() {
    let service = Service::start(DEMO);
    let ask = async |headers: &[(&str, &str)], body: &str| {
        let answer =
            service.request(Method::POST, "/api/v1/sessions", headers, body.to_owned()).await;
        (answer.status.as_u16(), answer.json()["code"].as_str().unwrap().to_owned())
    };
    let valid = r#"{"camera":"rear","whip":"https://media.example/whip"}"#;
    assert_eq!(ask(&[], valid).await, (400, "body-invalid".into()));
    assert_eq!(ask(&JSON, valid).await, (404, "camera-unknown".into()));
    assert_eq!(ask(&JSON, "{").await, (400, "body-invalid".into()));
    assert_eq!(ask(&JSON, r#"{"camera":"head","wish":""}"#).await, (400, "body-invalid".into()));
    let nowhere = r#"{"camera":"head","whip":"nowhere"}"#;
    assert_eq!(ask(&JSON, nowhere).await, (502, "push-refused".into()));
    assert_eq!(service.status().await.sessions, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_of_the_configuration_is_there_for_as_long_as_the_service_runs() {
    let unwilling = Turn::Say(StatusCode::SERVICE_UNAVAILABLE, "later");
    let mut server = WhipServer::start([unwilling, Turn::Watch]).await;
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "of a file\n").unwrap();
    let push =
        format!("[[push]]\ncamera = \"head\"\nwhip = {:?}\ntoken-file = {token:?}\n", server.url());
    let service = Service::start(&format!("{DEMO}{push}"));
    // Refused, then taken.
    assert_eq!(server.asked().await.token, "Bearer of a file");
    assert_eq!(server.asked().await.method, Method::POST);
    let viewer = server.viewer().await;
    soon("pictures", viewer.frames().wait_for(|frames| *frames >= 5)).await.unwrap();
    // The server goes; so do the sessions with it, until it is there again.
    viewer.say_goodbye();
    drop(viewer);
    server.next(Turn::Watch);
    let viewer = server.viewer().await;
    soon("pictures", viewer.frames().wait_for(|frames| *frames >= 5)).await.unwrap();
    // Whoever stops it means it.
    let id = service.status().await.sessions.last().unwrap().id;
    service.request(Method::DELETE, &format!("/api/v1/sessions/{id}"), &[], "").await;
    assert_eq!(ended(&service).await.cause, Cause::Requested { by: StopReason::Api });
    assert_eq!(service.until_idle().await.cameras[0].state, CameraState::Closed);
}
