// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two who watch, and who hear nothing but what belongs to them.

use futures_util::{SinkExt, StreamExt};
use hyper::Method;
use serde_json::{Value, json};
use shutterd::lifecycle::Phase;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::service::{PATIENCE, Service, offer};

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// What is left of two who have gone: what they might say again.
pub(crate) struct Past {
    /// The WHEP session.
    pub(crate) location: String,
    /// `session` and `generation` of the WebSocket's.
    pub(crate) tag: Value,
}

pub(crate) struct Innocents {
    /// The WHEP session.
    pub(crate) location: String,
    socket: Socket,
    pub(crate) tag: Value,
    /// How many of its messages were none: with too many it would be closed.
    pub(crate) problems: u32,
}

pub(crate) async fn connect(service: &Service) -> Socket {
    let stream = TcpStream::connect(service.address).await.unwrap();
    let request = format!("ws://{}/ws/head?codecs=h264", service.address);
    let request = request.into_client_request().unwrap();
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

/// The next message: its text, or how the device closed.
pub(crate) async fn next(socket: &mut Socket) -> Result<Value, u16> {
    loop {
        match timeout(PATIENCE, socket.next()).await.expect("a message in time") {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The next message, which must be of this type.
pub(crate) async fn expect(socket: &mut Socket, kind: &str) -> Value {
    let message = next(socket).await.unwrap();
    assert_eq!(message["type"], kind, "{message}");
    message
}

impl Innocents {
    /// Both run.
    pub(crate) async fn arrive(service: &Service) -> Self {
        let answer = service.offer("head", &offer("h264")).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let mut socket = connect(service).await;
        let hello = expect(&mut socket, "session").await;
        let tag = json!({ "session": hello["session"], "generation": hello["generation"] });
        expect(&mut socket, "offer").await;
        let location = answer.header("location").to_owned();
        let mut both = Self { location, socket, tag, problems: 0 };
        both.send(both.own("answer")).await;
        expect(&mut both.socket, "running").await;
        let [whep, _] = both.ids();
        let running = |status: &shutterd::session::ServiceStatus| {
            let mut sessions = status.sessions.iter();
            sessions.any(|s| s.id.to_string() == whep && s.phase == Phase::Running)
        };
        service.until("running", running).await;
        both
    }

    /// The sessions' numbers: WHEP's and the WebSocket's.
    pub(crate) fn ids(&self) -> [String; 2] {
        let whep = self.location.rsplit('/').next().unwrap().to_owned();
        [whep, self.tag["session"].as_str().unwrap().to_owned()]
    }

    /// A message of the WebSocket's viewer.
    pub(crate) fn own(&self, kind: &str) -> Value {
        message(kind, &self.tag)
    }

    pub(crate) async fn send(&mut self, message: impl ToString) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The answer to a message that was none.
    pub(crate) async fn problem(&mut self, code: &str) {
        self.problems += 1;
        let problem = expect(&mut self.socket, "problem").await;
        assert_eq!(problem["problem"]["code"], code, "{problem}");
        assert_eq!(problem["session"], self.tag["session"]);
    }

    /// Nothing was said to the viewer that was not read.
    pub(crate) async fn heard_nothing_else(&mut self) {
        self.send("dance").await;
        self.problem("message-invalid").await;
    }

    /// Each ends its own.
    pub(crate) async fn leave(mut self, service: &Service) -> Past {
        self.send(self.own("bye")).await;
        let ended = expect(&mut self.socket, "ended").await;
        assert_eq!(ended["outcome"]["unclean"], json!([]), "{ended}");
        let answer = service.request(Method::DELETE, &self.location, &[], "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["cause"], json!({ "kind": "requested", "by": "viewer" }));
        Past { location: self.location, tag: self.tag }
    }
}

/// A message of a viewer of the session that `tag` names.
pub(crate) fn message(kind: &str, tag: &Value) -> Value {
    let mut message = match kind {
        "answer" => json!({ "sdp": offer("h264") }),
        "candidate" => json!({ "candidate": { "candidate": "", "sdpMLineIndex": 0 } }),
        _ => json!({}),
    };
    message["type"] = kind.into();
    message["session"] = tag["session"].clone();
    message["generation"] = tag["generation"].clone();
    message
}
