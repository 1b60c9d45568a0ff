// SPDX-License-Identifier: MIT OR Apache-2.0
//! One connection: it lives no longer than its session.

use std::time::Duration;

use axum::extract::ws::{CloseCode, CloseFrame, Message, WebSocket, close_code};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::message::{FromPage, Tag, ToPage, read};
use crate::http::problem::retry_after;
use crate::http::{MAX_BODY, Problem};
use crate::lifecycle::{Cause, Fault, Outcome, StopReason};
use crate::session::{FromViewer, Negotiation, Registry, SessionHandle, ToViewer};
use crate::wire::Codec;

/// How many messages that are none a connection may send.
pub const MAX_PROBLEMS: u32 = 8;
/// How long one message may take to be written. A viewer that does not read is gone.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);
/// How long the viewer's own close frame is waited for.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

/// Starts a session and serves its signalling until one of the two has ended.
pub(super) async fn serve(
    mut socket: WebSocket,
    registry: &Registry,
    camera: &str,
    codecs: Vec<Codec>,
    viewer: Option<String>,
) {
    match registry.start(camera, Negotiation::DeviceOffers(codecs), viewer) {
        Ok((session, words)) => {
            let tag = Tag { session: session.id(), generation: session.status().generation };
            Connection { socket, session, tag, problems: 0 }.run(camera, words).await;
        }
        Err(fault) => refuse(&mut socket, fault).await,
    }
}

async fn refuse(socket: &mut WebSocket, fault: Fault) {
    let code = match retry_after(fault.code) {
        Some(_) => close_code::AGAIN,
        None => close_code::POLICY,
    };
    let reason = fault.code.name();
    let message = ToPage::Refused { problem: Problem::from(fault).document() };
    if send(socket, &message).await.is_ok() {
        close(socket, code, reason).await;
    }
}

/// Why a connection is over.
enum End {
    /// The session has ended, and the viewer was told.
    Session(Outcome),
    /// The viewer sent a close frame.
    Goodbye,
    /// The connection broke off.
    Gone,
    /// The viewer did what the protocol does not allow.
    Violation(CloseCode, &'static str),
}

struct Connection {
    socket: WebSocket,
    session: SessionHandle,
    tag: Tag,
    problems: u32,
}

impl Connection {
    async fn run(mut self, camera: &str, words: mpsc::UnboundedReceiver<ToViewer>) {
        let end = self.talk(camera, words).await;
        match end {
            End::Session(outcome) => {
                let code = match outcome.cause {
                    Cause::Requested { by: StopReason::Shutdown } => close_code::AWAY,
                    _ => close_code::NORMAL,
                };
                close(&mut self.socket, code, "ended").await;
            }
            End::Goodbye => {
                self.session.stop(StopReason::Viewer);
                // Flushes the reply to the close frame.
                drain(&mut self.socket).await;
            }
            End::Gone => self.signalling_gone(),
            End::Violation(code, reason) => {
                self.signalling_gone();
                close(&mut self.socket, code, reason).await;
            }
        }
    }

    fn signalling_gone(&self) {
        // A session that has ended needs not be told.
        let _ = self.session.viewer_says(FromViewer::SignallingGone);
    }

    async fn talk(&mut self, camera: &str, mut words: mpsc::UnboundedReceiver<ToViewer>) -> End {
        let hello = ToPage::Session { tag: self.tag, camera: camera.to_owned() };
        if send(&mut self.socket, &hello).await.is_err() {
            return End::Gone;
        }
        loop {
            // Both are cancel-safe; what is written is written outside of the select.
            let end = tokio::select! {
                word = words.recv() => self.said(word).await,
                message = self.socket.recv() => self.heard(message).await,
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// The session said something.
    async fn said(&mut self, word: Option<ToViewer>) -> Option<End> {
        let Some(word) = word else {
            return Some(End::Violation(close_code::ERROR, "the session is gone"));
        };
        let outcome = match &word {
            ToViewer::Ended(outcome) => Some(outcome.clone()),
            _ => None,
        };
        match send(&mut self.socket, &ToPage::of(self.tag, word)).await {
            Ok(()) => outcome.map(End::Session),
            Err(Gone) => Some(End::Gone),
        }
    }

    /// The viewer said something.
    async fn heard(&mut self, message: Option<Result<Message, axum::Error>>) -> Option<End> {
        match message {
            Some(Ok(Message::Text(text))) if text.len() > MAX_BODY => {
                Some(End::Violation(close_code::SIZE, "over 64 KiB"))
            }
            Some(Ok(Message::Text(text))) => match read(&text, self.tag) {
                Ok(Some(word)) => self.pass_on(word),
                Ok(None) => {
                    tracing::debug!(session = %self.session.id(), "stale message ignored");
                    None
                }
                Err(fault) => self.problem(fault).await,
            },
            Some(Ok(Message::Binary(data))) if data.len() > MAX_BODY => {
                Some(End::Violation(close_code::SIZE, "over 64 KiB"))
            }
            Some(Ok(Message::Binary(_))) => {
                Some(End::Violation(close_code::UNSUPPORTED, "text only"))
            }
            // Pings are answered by the protocol's implementation.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => None,
            Some(Ok(Message::Close(_))) => Some(End::Goodbye),
            Some(Err(error)) => {
                tracing::debug!(session = %self.session.id(), %error, "signalling broke off");
                Some(End::Gone)
            }
            None => Some(End::Gone),
        }
    }

    fn pass_on(&self, word: FromPage) -> Option<End> {
        let word = match word {
            FromPage::Answer(answer) => FromViewer::Answer(answer.as_str().to_owned()),
            FromPage::Candidate(candidate) => FromViewer::Candidates(vec![candidate]),
            FromPage::Bye => {
                // The session's end comes as a word, and is passed on.
                self.session.stop(StopReason::Viewer);
                return None;
            }
        };
        // A session that has ended says so itself.
        let _ = self.session.viewer_says(word);
        None
    }

    async fn problem(&mut self, fault: Fault) -> Option<End> {
        self.problems += 1;
        if self.problems > MAX_PROBLEMS {
            return Some(End::Violation(close_code::POLICY, "too many invalid messages"));
        }
        match send(&mut self.socket, &ToPage::problem(self.tag, fault)).await {
            Ok(()) => None,
            Err(Gone) => Some(End::Gone),
        }
    }
}

/// The viewer does not read any more.
struct Gone;

async fn send(socket: &mut WebSocket, message: &ToPage) -> Result<(), Gone> {
    let text = serde_json::to_string(message).map_err(|_| Gone)?;
    match timeout(WRITE_DEADLINE, socket.send(Message::Text(text.into()))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}

/// Sends a close frame and waits, a little, for the viewer's.
async fn close(socket: &mut WebSocket, code: CloseCode, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    if let Ok(Ok(())) = timeout(WRITE_DEADLINE, socket.send(Message::Close(Some(frame)))).await {
        drain(socket).await;
    }
}

async fn drain(socket: &mut WebSocket) {
    let _ = timeout(CLOSE_DEADLINE, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
}
