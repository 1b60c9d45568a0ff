// SPDX-License-Identifier: MIT OR Apache-2.0
//! WebSocket signalling against the real service.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::service::{DEMO, PATIENCE, Service, UNHURRIED};

struct Viewer {
    socket: WebSocketStream<TcpStream>,
    session: Value,
}

async fn connect(service: &Service, path: &str) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(service.address).await.unwrap();
    let request = format!("ws://{}{path}", service.address).into_client_request().unwrap();
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

/// The next message of the device, or the code with which it closed.
async fn next(socket: &mut WebSocketStream<TcpStream>) -> Result<Value, CloseCode> {
    loop {
        match timeout(PATIENCE, socket.next()).await.expect("a message in time") {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

impl Viewer {
    /// A viewer that has its offer.
    async fn offered(service: &Service) -> Self {
        let mut socket = connect(service, "/ws/head?codecs=vp8").await;
        let session = next(&mut socket).await.unwrap();
        assert_eq!((&session["type"], &session["camera"]), (&json!("session"), &json!("head")));
        assert_eq!(session["session"].as_str().unwrap().len(), 16);
        let mut viewer = Self { socket, session };
        let offer = viewer.until("offer").await;
        assert_eq!(offer["session"], viewer.session["session"]);
        assert_eq!(offer["generation"], viewer.session["generation"]);
        assert!(offer["sdp"].as_str().unwrap().contains("VP8/90000"));
        viewer
    }

    async fn until(&mut self, kind: &str) -> Value {
        loop {
            let message = next(&mut self.socket).await.unwrap();
            if message["type"] == kind {
                return message;
            }
            assert_eq!(message["type"], "candidate", "{message}");
        }
    }

    async fn closed(&mut self) -> CloseCode {
        loop {
            if let Err(code) = next(&mut self.socket).await {
                return code;
            }
        }
    }

    async fn say(&mut self, message: impl Into<Message>) {
        self.socket.send(message.into()).await.unwrap();
    }

    async fn tell(&mut self, mut message: Value) {
        for key in ["session", "generation"] {
            if message.get(key).is_none() {
                message[key] = self.session[key].clone();
            }
        }
        self.say(message.to_string()).await;
    }
}

fn started() -> Service {
    Service::start(&format!("{UNHURRIED}{DEMO}"))
}

async fn cause(service: &Service) -> String {
    let status = service.until_idle().await;
    status.sessions.last().unwrap().outcome.as_ref().unwrap().cause.to_string()
}

#[tokio::test]
async fn a_start_that_is_refused_is_told_before_the_close() {
    let service = started();
    let mut socket = connect(&service, "/ws/tail").await;
    let refused = next(&mut socket).await.unwrap();
    assert_eq!(refused["type"], "refused");
    assert_eq!(refused["problem"]["code"], "camera-unknown");
    assert_eq!(next(&mut socket).await, Err(CloseCode::Policy));
    let mut socket = connect(&service, "/ws/head?codecs=av1").await;
    assert_eq!(next(&mut socket).await.unwrap()["problem"]["code"], "no-common-codec");
    assert_eq!(next(&mut socket).await, Err(CloseCode::Policy));
    // What waiting helps against has the other code.
    let _viewer = Viewer::offered(&service).await;
    let mut socket = connect(&service, "/ws/head?codecs=h264").await;
    assert_eq!(next(&mut socket).await.unwrap()["problem"]["code"], "codec-in-use");
    assert_eq!(next(&mut socket).await, Err(CloseCode::Again));
}

#[tokio::test]
async fn a_goodbye_is_answered_with_the_end() {
    let service = started();
    let mut viewer = Viewer::offered(&service).await;
    viewer.tell(json!({ "type": "bye" })).await;
    let ended = viewer.until("ended").await;
    assert_eq!(ended["outcome"]["cause"], json!({ "kind": "requested", "by": "viewer" }));
    assert_eq!(ended["outcome"]["held"], json!([]));
    assert_eq!(viewer.closed().await, CloseCode::Normal);
    assert_eq!(cause(&service).await, "requested(viewer)");
}

// Failure modes: N10.
#[tokio::test]
async fn what_is_stale_or_wrong_does_not_end_the_session() {
    let service = started();
    let mut viewer = Viewer::offered(&service).await;
    let generation = viewer.session["generation"].as_u64().unwrap();
    // Of another session, or an earlier one: ignored.
    viewer.tell(json!({ "type": "bye", "generation": generation + 1 })).await;
    viewer.tell(json!({ "type": "bye", "session": "0000000000000001" })).await;
    viewer.tell(json!({ "type": "answer", "sdp": "stale", "generation": 0 })).await;
    // None at all: a problem, and on it goes.
    for (message, code) in [
        (json!({ "type": "dance" }), "message-invalid"),
        (json!({ "type": "answer", "sdp": "nonsense" }), "sdp-invalid"),
        (
            json!({ "type": "candidate", "candidate": { "candidate": "x", "sdpMLineIndex": 0 } }),
            "candidate-invalid",
        ),
        (
            json!({ "type": "candidate", "candidate": { "candidate": "", "sdpMLineIndex": 99 } }),
            "candidate-invalid",
        ),
    ] {
        viewer.tell(message).await;
        let problem = viewer.until("problem").await;
        assert_eq!(problem["problem"]["code"], code, "{problem}");
        assert_eq!(problem["session"], viewer.session["session"]);
    }
    assert!(service.status().await.sessions[0].outcome.is_none());
    viewer.tell(json!({ "type": "bye" })).await;
    viewer.until("ended").await;
}

#[tokio::test]
async fn too_many_messages_that_are_none_close_the_connection() {
    let service = started();
    let mut viewer = Viewer::offered(&service).await;
    for _ in 0..=shutterd::signalling::websocket::MAX_PROBLEMS {
        viewer.say("nonsense").await;
    }
    assert_eq!(viewer.closed().await, CloseCode::Policy);
    assert!(cause(&service).await.starts_with("lost(signalling-gone"));
}

#[tokio::test]
async fn only_text_of_bounded_size_is_read() {
    let service = started();
    let mut viewer = Viewer::offered(&service).await;
    viewer.say(vec![0_u8; 16]).await;
    assert_eq!(viewer.closed().await, CloseCode::Unsupported);
    let mut viewer = Viewer::offered(&service).await;
    viewer.say("x".repeat(64 * 1024 + 1)).await;
    assert_eq!(viewer.closed().await, CloseCode::Size);
    assert!(cause(&service).await.starts_with("lost(signalling-gone"));
}

// Failure modes: N5.
#[tokio::test]
async fn a_close_frame_is_a_goodbye_and_a_broken_connection_is_not() {
    let service = started();
    let mut viewer = Viewer::offered(&service).await;
    viewer.socket.close(None).await.unwrap();
    assert_eq!(cause(&service).await, "requested(viewer)");
    drop(Viewer::offered(&service).await);
    assert!(cause(&service).await.starts_with("lost(signalling-gone"));
}

#[tokio::test]
async fn a_service_that_ends_tells_its_viewers() {
    let mut service = started();
    let mut viewer = Viewer::offered(&service).await;
    service.signal(rustix::process::Signal::TERM);
    let ended = viewer.until("ended").await;
    assert_eq!(ended["outcome"]["cause"], json!({ "kind": "requested", "by": "shutdown" }));
    assert_eq!(viewer.closed().await, CloseCode::Away);
    assert!(service.ended().success());
}
