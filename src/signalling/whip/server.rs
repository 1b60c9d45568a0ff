// SPDX-License-Identifier: MIT OR Apache-2.0
//! A WHIP server, as its client asks it.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};

use crate::config::Push;
use crate::lifecycle::{Fault, FaultCode};
use crate::sdp::MAX_LEN;

/// For each request as a whole. The session's own deadline of `await-answer` may be shorter.
const DEADLINE: Duration = Duration::from_secs(10);
/// So much of what a server says to a refusal is passed on.
const SHOWN: usize = 200;

#[derive(Debug)]
pub(super) struct Server {
    client: Client,
    endpoint: Url,
    name: String,
    token: Option<String>,
}

/// What the server made of a session: where it is to be ended.
#[derive(Debug)]
pub(super) struct Resource(Option<Url>);

impl Server {
    pub(super) fn new(push: &Push) -> Result<Self, Fault> {
        let endpoint: Url = push
            .whip
            .parse()
            .map_err(|error| refused(format!("`{}` is no address: {error}", push.whip)))?;
        // Who reads the log need not know a query, in which some servers want a key.
        let mut shown = endpoint.clone();
        shown.set_query(None);
        // One for the process: whoever comes later finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("shutterd/", env!("CARGO_PKG_VERSION")))
            .timeout(DEADLINE)
            .build()
            .map_err(|error| refused(format!("no HTTP client: {}", chain(&error))))?;
        Ok(Self { client, endpoint, name: shown.into(), token: token(push)? })
    }

    /// Its address, for people.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Offers; resolves with the server's answer. Bounded by [`DEADLINE`]. Redirections are followed.
    ///
    /// # Errors
    /// `push-refused`, with what the server says.
    pub(super) async fn offer(&self, offer: String) -> Result<(String, Resource), Fault> {
        let request = self.client.post(self.endpoint.clone());
        let request = request.header(CONTENT_TYPE, "application/sdp").body(offer);
        let response = self.ask(request).await?;
        let status = response.status();
        let place = response.headers().get(LOCATION).and_then(|place| place.to_str().ok());
        let resource = Resource(place.and_then(|place| response.url().join(place).ok()));
        let text = self.body(response).await;
        if status != StatusCode::CREATED {
            let text: String = text.unwrap_or_default().chars().take(SHOWN).collect();
            return Err(refused(format!("{} answered {status}: {}", self.name, text.trim())));
        }
        match text {
            Ok(answer) => Ok((answer, resource)),
            Err(fault) => {
                self.end(resource).await;
                Err(fault)
            }
        }
    }

    /// Tells the server that it is over. It may be gone, and then finds out by itself.
    pub(super) async fn end(&self, resource: Resource) {
        let Some(place) = resource.0 else {
            tracing::debug!(server = self.name, "named nothing that could be ended");
            return;
        };
        match self.ask(self.client.delete(place)).await {
            Ok(response) if response.status().is_success() => {}
            Ok(response) => {
                tracing::info!(server = self.name, status = %response.status(), "was told the end");
            }
            Err(fault) => tracing::info!(%fault, "the server was not told the end"),
        }
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Response, Fault> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await;
        response.map_err(|error| refused(format!("{}: {}", self.name, chain(&error.without_url()))))
    }

    async fn body(&self, mut response: Response) -> Result<String, Fault> {
        let wrong = |what: &str| refused(format!("{}'s answer {what}", self.name));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| wrong("broke off"))? {
            if body.len() + chunk.len() > MAX_LEN {
                return Err(wrong("is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        String::from_utf8(body).map_err(|_| wrong("is no text"))
    }
}

/// Read anew for each push: it may have been replaced.
fn token(push: &Push) -> Result<Option<String>, Fault> {
    let Some(file) = &push.token_file else { return Ok(push.token.clone()) };
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| refused(format!("{}: {error}", file.display())))?;
    Ok(Some(text.trim().to_owned()))
}

fn refused(detail: String) -> Fault {
    Fault::new(FaultCode::PushRefused, detail)
}

/// An error with its causes: what reqwest's own text leaves out is what helps.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
