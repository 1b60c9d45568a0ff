// SPDX-License-Identifier: MIT OR Apache-2.0
//! Others who come, do wrong, and lose their own session by it, and no other.

use std::path::Path;

use futures_util::SinkExt;
use shutterd::lifecycle::{Cause, FaultCode};
use shutterd::signalling::websocket::MAX_PROBLEMS;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::BABBLING;
use crate::fake::{Garbled, Mood};
use crate::innocent::{connect, expect, next};
use crate::service::{PATIENCE, Service, offer};

/// What the protocol does not allow.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Misdeed {
    TooLarge,
    Binary,
    /// The connection breaks off within a frame.
    HalfAFrame,
    /// Too many messages that are none.
    TooMany,
}

impl Misdeed {
    /// Begins a session, and loses it.
    pub(crate) async fn commit(self, service: &Service) {
        let mut socket = connect(service).await;
        let id = expect(&mut socket, "session").await["session"].as_str().unwrap().to_owned();
        expect(&mut socket, "offer").await;
        let closed = match self {
            Misdeed::TooLarge => {
                socket.send(Message::text("x".repeat(64 * 1024 + 1))).await.unwrap();
                Some(1009)
            }
            Misdeed::Binary => {
                socket.send(Message::binary(vec![0; 16])).await.unwrap();
                Some(1003)
            }
            Misdeed::HalfAFrame => {
                // Text, masked, 256 bytes: and none of them comes.
                socket.get_mut().write_all(&[0x81, 0xfe, 0x01, 0x00]).await.unwrap();
                None
            }
            Misdeed::TooMany => {
                for _ in 0..=MAX_PROBLEMS {
                    socket.send(Message::text("dance")).await.unwrap();
                }
                Some(1008)
            }
        };
        if let Some(expected) = closed {
            let code = loop {
                if let Err(code) = next(&mut socket).await {
                    break code;
                }
            };
            assert_eq!(code, expected, "{self:?}");
        }
        drop(socket);
        assert_eq!(lost(service, &id).await, FaultCode::SignallingGone, "{self:?}");
    }
}

/// The code with which the session was lost.
async fn lost(service: &Service, id: &str) -> FaultCode {
    let ended = |status: &shutterd::session::ServiceStatus| {
        status.sessions.iter().find(|s| s.id.to_string() == id)?.outcome.clone()
    };
    let status = service.until("lost", |status| ended(status).is_some()).await;
    match ended(&status).unwrap().cause {
        Cause::Lost { fault } | Cause::StartFailed { fault, .. } => fault.code,
        other => panic!("{other:?}"),
    }
}

/// Says a part of a request and then nothing more: whatever is answered, it is not done.
pub(crate) async fn says_half(service: &Service, control: bool, part: &str) {
    let heard = match control {
        true => half(UnixStream::connect(&service.socket).await.unwrap(), part).await,
        false => half(TcpStream::connect(service.address).await.unwrap(), part).await,
    };
    assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 4"), "{part:?}: {heard}");
}

async fn half(mut stream: impl AsyncRead + AsyncWrite + Unpin, part: &str) -> String {
    stream.write_all(part.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    // A connection that is cut off has said what it had to.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("an end in time");
    String::from_utf8_lossy(&heard).into_owned()
}

/// A worker that says what is no report is ended, and with it the session that it is for.
pub(crate) async fn is_garbled(service: &Service, directory: &Path, garbled: Garbled) {
    Mood { garbles: Some(garbled), ..BABBLING }.set(directory);
    let answer = service.offer("head", &offer("h264")).await;
    BABBLING.set(directory);
    assert_eq!(
        (answer.status.as_u16(), answer.json()["code"].as_str()),
        (503, Some("worker-gone"))
    );
}
