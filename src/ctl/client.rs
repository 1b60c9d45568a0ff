// SPDX-License-Identifier: MIT OR Apache-2.0
//! HTTP over the control socket, one connection to a request.

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shutterd::control::api::History;
use shutterd::http::ProblemDocument;
use shutterd::session::{ServiceStatus, SessionStatus};
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::error::CtlError;

/// Longer than the service's long poll, and than the deadlines of a teardown together.
const ANSWER_DEADLINE: Duration = Duration::from_secs(40);

/// Asks the service.
pub(super) struct Client {
    socket: PathBuf,
}

impl Client {
    /// Asks on `socket`.
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// GET, as JSON.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CtlError> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// DELETE; what became of it, as JSON.
    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CtlError> {
        self.ask(Method::DELETE, path, Bytes::new()).await
    }

    /// POST of JSON; what came of it, as JSON.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CtlError> {
        let body = serde_json::to_vec(body).map_err(|error| CtlError::Usage(error.to_string()))?;
        self.ask(Method::POST, path, body.into()).await
    }

    /// Everything.
    pub(super) async fn status(&self) -> Result<ServiceStatus, CtlError> {
        self.get("/api/v1/status").await
    }

    /// At most `limit` sessions of this run of the service and of earlier ones, the last one last.
    pub(super) async fn history(&self, limit: usize) -> Result<Vec<SessionStatus>, CtlError> {
        let path = format!("/api/v1/journal?limit={limit}");
        let mut sessions = self.get::<History>(&path).await?.sessions;
        sessions.reverse();
        Ok(sessions)
    }

    /// The session that `name` means: an id, the beginning of exactly one, or `last`. Earlier runs
    /// of the service are searched when this one has none: a slow disk must not hold up a stop.
    pub(super) async fn find(&self, name: &str) -> Result<SessionStatus, CtlError> {
        let mut sessions = self.status().await?.sessions;
        if name == "last" {
            if sessions.is_empty() {
                sessions = self.history(1).await?;
            }
            return sessions
                .pop()
                .ok_or_else(|| CtlError::Failed("there has been no session yet".to_owned()));
        }
        let meant = |session: &SessionStatus| session.id.to_string().starts_with(name);
        if name.is_empty() {
            sessions.clear();
        } else if !sessions.iter().any(meant) {
            sessions = self.history(usize::MAX).await?;
        }
        sessions.retain(meant);
        match (sessions.pop(), sessions.len()) {
            (Some(session), 0) => Ok(session),
            (Some(_), more) => {
                Err(CtlError::Usage(format!("{} sessions begin with {name}; write more", more + 1)))
            }
            (None, _) => Err(CtlError::Failed(format!(
                "there is no session {name}\n`shutterctl sessions --all` lists those there are"
            ))),
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, CtlError> {
        let unreachable = |why: String| CtlError::Unreachable(self.socket.clone(), why);
        let (status, body) = match timeout(ANSWER_DEADLINE, self.exchange(method, path, body)).await
        {
            Ok(answer) => answer.map_err(|error| unreachable(error.to_string()))?,
            Err(_) => return Err(unreachable("no answer in 40 s".to_owned())),
        };
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| unreachable(error.to_string()));
        }
        match serde_json::from_slice::<ProblemDocument>(&body) {
            Ok(problem) => Err(CtlError::Problem(Box::new(problem))),
            Err(_) => Err(unreachable(format!("{path}: {status}"))),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(hyper::StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with this exchange: dropping the set aborts what it holds.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::USER_AGENT, concat!("shutterctl/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}
