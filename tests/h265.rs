// SPDX-License-Identifier: MIT OR Apache-2.0
//! A board that encodes H.265, in the real service with its real workers: to viewers that take it,
//! and to viewers that do not.

#![expect(clippy::unwrap_used, reason = "the functions beside the tests are tests too")]

use std::time::Duration;

use futures_util::StreamExt;
use hyper::Method;
use serde_json::{Value, json};
use shutterd::session::CameraState;
use shutterd::wire::Codec;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use service::{Answer, PATIENCE, Service, UNHURRIED, offer};
use soon::soon;
use viewer::{Sight, Viewer};

#[path = "media/decoder.rs"]
mod decoder;
mod service;
#[path = "media/soon.rs"]
mod soon;
#[allow(dead_code, reason = "the workers' tests use more of it")]
#[path = "media/viewer.rs"]
mod viewer;

/// Of itself it makes the next keyframe later than any test waits for one.
const BOARD: &str = r#"
board = "A board that encodes H.264 and H.265"
device = false
needs = ["h264parse", "h265parse", "videotestsrc", "x264enc", "x265enc"]
[video.h264]
promise = { profile-level-id = "42e01f" }
launch = """
videotestsrc name=camera is-live=true
! video/x-raw,format=I420,width=${width},height=${height},framerate=${framerate}/1
! x264enc name=encoder tune=zerolatency speed-preset=ultrafast key-int-max=3000 bitrate=${bitrate_kbit}
! video/x-h264,profile=constrained-baseline ! h264parse
"""
[video.h265]
promise = { level-id = 93 }
launch = """
videotestsrc name=camera is-live=true
! video/x-raw,format=I420,width=${width},height=${height},framerate=${framerate}/1
! x265enc name=encoder tune=zerolatency speed-preset=ultrafast key-int-max=3000 bitrate=${bitrate_kbit}
! video/x-h265,profile=main ! h265parse
"""
"#;

/// The service with such a camera, of which `codecs` may be had, and the directory of its board file.
fn started(codecs: &str) -> (Service, tempfile::TempDir) {
    let boards = tempfile::tempdir().unwrap();
    std::fs::write(boards.path().join("both.toml"), BOARD).unwrap();
    let media = format!("[media]\npipelines = [{:?}]\n", boards.path());
    let config = UNHURRIED.replacen("[media]\n", &media, 1);
    let camera = "[[camera]]\nname = \"head\"\nboard = \"both\"\nwidth = 320\nheight = 180\n";
    (Service::start(&format!("{config}{camera}codecs = {codecs}\n")), boards)
}

/// A viewer that takes `codec` alone, and what came of its offer.
async fn watching(service: &Service, codec: Codec) -> (Viewer, Answer) {
    let mut viewer = Viewer::new();
    viewer.watch_video(codec);
    viewer.add_channel();
    let answer = service.offer("head", &viewer.offer().await).await;
    if answer.status == 201 {
        viewer.set_answer(&answer.body).await;
    }
    (viewer, answer)
}

fn later(sight: &Sight) -> Option<u64> {
    match sight {
        Sight::Keyframe { unit } => Some(*unit),
        _ => None,
    }
}

/// Until it has a keyframe. The first packets may come before the viewer has its keys, and are lost
/// to it then: a decoder asks for what it misses.
async fn begins(viewer: &mut Viewer) {
    let first = viewer.sees("the first unit", |sight| match sight {
        Sight::FirstUnit { keyframe } => Some(*keyframe),
        _ => None,
    });
    if !first.await {
        viewer.ask_for_keyframe();
        viewer.sees("the keyframe that it began without", later).await;
    }
}

async fn sees(viewer: &Viewer, pictures: u64) {
    let mut frames = viewer.frames();
    soon("pictures", frames.wait_for(|n| *n >= pictures)).await.unwrap();
}

fn is_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["code"]),
        (status, &json!(code)),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_viewer_of_h265_sees_it_gets_its_keyframe_and_the_camera_closes() {
    let (service, _boards) = started(r#"["h265", "h264"]"#);
    let (mut viewer, answer) = watching(&service, Codec::H265).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(answer.body.contains("a=rtpmap:49 H265/90000"), "{}", answer.body);
    begins(&mut viewer).await;
    sees(&viewer, 20).await;
    let status = service.status().await;
    assert_eq!(
        (status.cameras[0].state, status.cameras[0].codec),
        (CameraState::Open, Some(Codec::H265))
    );

    viewer.ask_for_keyframe();
    assert!(viewer.sees("the keyframe that it asked for", later).await > 0);
    let decoded = *viewer.frames().borrow();
    sees(&viewer, decoded + 20).await;

    let ended = service.request(Method::DELETE, answer.header("location"), &[], "").await;
    assert_eq!(ended.json()["cause"], json!({ "kind": "requested", "by": "viewer" }));
    assert_eq!(
        (ended.json()["unclean"].clone(), ended.json()["held"].clone()),
        (json!([]), json!([]))
    );
    let status = service.status().await;
    assert_eq!(status.cameras[0].state, CameraState::Closed);
}

#[tokio::test]
async fn a_viewer_without_h265_is_refused_where_there_is_nothing_else() {
    let (service, _boards) = started(r#"["h265"]"#);
    for offered in ["h264", "vp8", "av1"] {
        let answer = service.offer("head", &offer(offered)).await;
        is_problem(&answer, 406, "no-common-codec");
        assert!(answer.body.contains("the camera has H265 main level 3.1"), "{}", answer.body);
    }
    // One that says nothing is taken for a browser, of which not each has it.
    for (path, takes) in [("/ws/head", "h264, vp8"), ("/ws/head?codecs=h264", "h264")] {
        let stream = tokio::net::TcpStream::connect(service.address).await.unwrap();
        let request = format!("ws://{}{path}", service.address).into_client_request().unwrap();
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        let message = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
        let Some(Ok(Message::Text(text))) = message else { panic!("{message:?}") };
        let said: Value = serde_json::from_str(&text).unwrap();
        assert!(text.contains("no-common-codec"), "{said}");
        assert!(text.contains(&format!("we have h265; the viewer takes {takes}")), "{said}");
    }
    let status = service.until_idle().await;
    assert_eq!(status.cameras[0].state, CameraState::Closed);
}

#[tokio::test]
async fn a_viewer_without_h265_gets_what_else_there_is_and_waits_while_h265_is_in_use() {
    let (service, _boards) = started(r#"["h265", "h264"]"#);
    let (mut first, answer) = watching(&service, Codec::H264).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    begins(&mut first).await;
    sees(&first, 10).await;
    // Until the last has left, all have the first one's.
    is_problem(&service.offer("head", &offer("h265")).await, 503, "codec-in-use");
    service.request(Method::DELETE, answer.header("location"), &[], "").await;

    let (mut second, answer) = watching(&service, Codec::H265).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    begins(&mut second).await;
    sees(&second, 10).await;
    is_problem(&service.offer("head", &offer("h264")).await, 503, "codec-in-use");
    service.request(Method::DELETE, answer.header("location"), &[], "").await;
    tokio::time::timeout(Duration::from_secs(30), service.until_idle()).await.unwrap();
}
