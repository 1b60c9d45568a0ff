// SPDX-License-Identifier: MIT OR Apache-2.0
//! The API against the real service.

use std::time::{Duration, Instant};

use axum::http::Method;
use shutterd::lifecycle::Phase;
use shutterd::session::{CameraState, SessionStatus, SessionTimeline};

use super::service::{DEMO, Service, UNHURRIED, offer};

#[tokio::test]
async fn what_the_api_says_of_a_session() {
    let service = Service::start(&format!("{UNHURRIED}{DEMO}"));
    assert_eq!(service.get("/healthz").await.json()["status"], "ok");
    let cameras = service.get("/api/v1/cameras").await;
    assert_eq!(cameras.header("cache-control"), "no-store");
    assert_eq!(cameras.json()["cameras"][0]["name"], "head");
    assert_eq!(cameras.json()["cameras"][0]["state"], "closed");
    let before = service.status().await;

    // A poll is answered by the first change, not by its bound.
    let path = format!("/api/v1/status?after={}", before.serial);
    let asked = Instant::now();
    let offer = offer("vp8");
    let (poll, answer) = tokio::join!(service.get(&path), service.offer("head", &offer));
    assert!(asked.elapsed() < Duration::from_secs(20));
    assert!(poll.json()["serial"].as_u64().unwrap() > before.serial);
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.header("location").rsplit('/').next().unwrap().to_owned();

    let path = format!("/api/v1/sessions/{id}");
    let session: SessionStatus = serde_json::from_str(&service.get(&path).await.body).unwrap();
    assert_eq!(session.id.to_string(), id);
    let timeline = service.get(&format!("{path}/timeline")).await;
    let timeline: SessionTimeline = serde_json::from_str(&timeline.body).unwrap();
    assert_eq!(timeline.entries[0].step, "create-peer");
    let stats = service.get(&format!("{path}/stats")).await;
    assert_eq!(stats.status, 200, "{stats:?}");
    assert_eq!(stats.json()["packets-sent"], 0);

    // A serial of an earlier run of the service is answered at once.
    let status = service.get("/api/v1/status?after=999999").await;
    assert!(status.json()["serial"].as_u64().unwrap() < 999_999);

    // A poll of one session is not answered by what others do, only by this one.
    let poll = format!("{path}?after={}", session.serial);
    let (polled, ended) =
        tokio::join!(service.get(&poll), service.request(Method::DELETE, &path, &[], ""));
    let polled: SessionStatus = serde_json::from_str(&polled.body).unwrap();
    assert!(polled.serial > session.serial);
    // The answer to DELETE comes when the session has ended.
    let ended: SessionStatus = serde_json::from_str(&ended.body).unwrap();
    assert_eq!(ended.phase, Phase::Ended);
    assert_eq!(ended.outcome.unwrap().cause.to_string(), "requested(api)");
    assert_eq!(service.status().await.cameras[0].state, CameraState::Closed);
    let again = service.request(Method::DELETE, &path, &[], "").await;
    assert_eq!((again.status.as_u16(), &again.json()["phase"]), (200, &"ended".into()));
    let stats = service.get(&format!("{path}/stats")).await;
    assert_eq!((stats.status.as_u16(), &stats.json()["code"]), (404, &"session-unknown".into()));
}
