// SPDX-License-Identifier: MIT OR Apache-2.0
//! What viewers do that is no fault: they come at once, fall silent for a moment, and say things
//! early, twice and out of turn.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use shutterd::lifecycle::{Phase, Role};
use shutterd::session::CameraState;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::soon::soon;
use crate::stand::Stand;
use crate::viewer::Viewer;
use crate::watcher::Watcher;

// Failure modes: N7.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_come_at_once_share_one_camera() {
    let stand = Stand::new();
    let running = |session: &shutterd::session::SessionStatus| session.phase == Phase::Running;
    for round in 1..=5 {
        let first = Watcher::start(stand.address(), Role::Answerer);
        let second = Watcher::start(stand.address(), Role::Offerer);
        let mut both = [first, second];
        let status = stand
            .service
            .until("both run", |s| s.sessions.iter().filter(|s| running(s)).count() == 2)
            .await;
        assert_eq!((status.cameras[0].state, status.cameras[0].viewers), (CameraState::Open, 2));
        for watcher in &mut both {
            watcher.sees(5).await;
        }
        // One has it, one is the spare.
        let workers = stand.service.workers();
        let cameras = workers.iter().filter(|(_, role)| role == "camera").count();
        assert_eq!(cameras, 2, "round {round}: {workers:?}");
        for session in status.sessions.iter().filter(|session| running(session)) {
            stand.stop(session).await;
        }
        stand.is_as_before().await;
    }
}

/// A path that is lost for a moment is no end; five seconds are, elsewhere.
// Failure modes: N4.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_of_two_seconds_is_sat_out() {
    let stand = Stand::new();
    for role in [Role::Answerer, Role::Offerer] {
        let (mut watcher, session) = stand.watch(role).await;
        watcher.vanish();
        let never = std::future::pending::<()>();
        let _ = tokio::time::timeout(Duration::from_secs(2), never).await;
        watcher.come_back();
        watcher.sees(10).await;
        let status = stand.service.status().await;
        let still = status.sessions.iter().find(|other| other.id == session.id).unwrap();
        assert_eq!(still.phase, Phase::Running);
        stand.stop(&session).await;
    }
    stand.is_as_before().await;
}

type Socket = WebSocketStream<TcpStream>;

async fn connect(stand: &Stand) -> Socket {
    let address = stand.address();
    let stream = TcpStream::connect(address).await.unwrap();
    let request = format!("ws://{address}/ws/head?codecs=h264").into_client_request().unwrap();
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

/// The next message of that type.
async fn hear(socket: &mut Socket, kind: &str) -> Value {
    soon(kind, async {
        loop {
            let message = socket.next().await.unwrap().unwrap();
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["type"] == kind {
                return message;
            }
        }
    })
    .await
}

async fn say(socket: &mut Socket, session: &Value, mut message: Value) {
    for key in ["session", "generation"] {
        message[key] = session[key].clone();
    }
    socket.send(Message::text(message.to_string())).await.unwrap();
}

// Failure modes: N1, N9, N10.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_may_say_things_early_twice_and_out_of_turn() {
    let stand = Stand::new();
    let mut earlier = connect(&stand).await;
    let stale = hear(&mut earlier, "session").await;
    say(&mut earlier, &stale, json!({ "type": "bye" })).await;
    hear(&mut earlier, "ended").await;

    let mut viewer = Viewer::new();
    let mut socket = connect(&stand).await;
    let session = hear(&mut socket, "session").await;
    let offer = hear(&mut socket, "offer").await;
    let sdp = viewer.answer(offer["sdp"].as_str().unwrap()).await;
    let candidate = viewer.candidate().await;
    let candidate = json!({ "type": "candidate", "candidate": candidate });
    let answer = json!({ "type": "answer", "sdp": sdp });
    // Of the session before: not looked at.
    for message in [&json!({ "type": "bye" }), &json!({ "type": "answer", "sdp": "" })] {
        say(&mut socket, &stale, message.clone()).await;
    }
    // Both offer: the viewer's is a problem, and the session goes on.
    let own = json!({ "type": "offer", "sdp": offer["sdp"] });
    say(&mut socket, &session, own).await;
    let problem = hear(&mut socket, "problem").await;
    assert_eq!(problem["problem"]["code"], "message-invalid");
    // Candidates before the answer, and everything twice.
    for message in [&candidate, &candidate, &answer, &answer, &candidate] {
        say(&mut socket, &session, message.clone()).await;
    }
    hear(&mut socket, "running").await;
    let mut frames = viewer.frames();
    soon("pictures", frames.wait_for(|n| *n >= 5)).await.unwrap();
    let running = stand.running(0).await;
    // The third came early or late, as it happens.
    let note = stand.note(&running, "add-candidates").await.unwrap();
    assert!(["2 came early", "3 came early"].contains(&note.as_str()), "{note}");
    say(&mut socket, &session, json!({ "type": "bye" })).await;
    let ended = hear(&mut socket, "ended").await;
    assert_eq!(ended["outcome"]["unclean"], json!([]));
    drop((viewer, socket, earlier));
    stand.next_session_works(Role::Offerer).await;
    stand.is_as_before().await;
}
