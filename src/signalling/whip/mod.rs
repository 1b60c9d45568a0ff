// SPDX-License-Identifier: MIT OR Apache-2.0
//! WHIP (RFC 9725), as a client: the device offers a camera to a server, which may pass it on to many.
//!
//! A push is a session like any other, whose viewer is the server. It ends with a `DELETE` of what the
//! server made of it, once the camera is observed closed. Those of the configuration are begun anew for
//! as long as the service runs: see [`Pushes::keep`].

mod keep;
mod routes;
mod server;

pub use routes::{PushRequest, router};

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::config::Push;
use crate::lifecycle::{Fault, FaultCode};
use crate::sdp::Answer;
use crate::session::{FromViewer, Negotiation, Registry, SessionHandle, ToViewer, whole};
use crate::wire::Codec;
use server::{Resource, Server};

/// Begins pushes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pushes {
    registry: Registry,
    tasks: TaskTracker,
}

impl Pushes {
    /// Of sessions of `registry`. What the servers are told runs as one of `tasks`.
    pub fn new(registry: Registry, tasks: TaskTracker) -> Self {
        Self { registry, tasks }
    }

    /// Begins one, and returns at once. How the server takes it, the session says.
    ///
    /// # Errors
    /// Those of [`Registry::start`], and `push-refused` where there is nothing to ask the server with.
    pub fn begin(&self, push: &Push) -> Result<SessionHandle, Fault> {
        let server = Server::new(push)?;
        let takes = Negotiation::Push(Codec::ALL.to_vec());
        let (session, words) =
            self.registry.start(&push.camera, takes, Some(server.name().to_owned()))?;
        self.tasks.spawn(follow(server, session.clone(), words));
        Ok(session)
    }
}

/// Hands the session's offer to the server, and tells it the end.
async fn follow(
    server: Server,
    session: SessionHandle,
    mut words: mpsc::UnboundedReceiver<ToViewer>,
) {
    // The offer never comes where the session ended before.
    let Ok(offer) = whole::gather(&mut words).await else { return };
    match taken(&server, offer).await {
        Ok((answer, resource)) => {
            // A session that has ended meanwhile ignores it.
            let _ = session.viewer_says(FromViewer::Answer(answer.as_str().to_owned()));
            session.ended().await;
            server.end(resource).await;
        }
        Err(fault) => {
            let _ = session.viewer_says(FromViewer::Refused(fault));
        }
    }
}

async fn taken(server: &Server, offer: String) -> Result<(Answer, Resource), Fault> {
    let (text, resource) = server.offer(offer).await?;
    match Answer::parse(&text) {
        Ok(answer) => Ok((answer, resource)),
        Err(fault) => {
            server.end(resource).await;
            let detail = format!("{}'s answer: {}", server.name(), fault.detail);
            Err(Fault::new(FaultCode::PushRefused, detail))
        }
    }
}
