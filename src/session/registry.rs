// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is there: the sessions and the cameras of this service.

use tokio::sync::mpsc;

use super::{Negotiation, ServiceStatus, SessionHandle, ToViewer};
use crate::lifecycle::{Fault, FaultCode, StopReason};
use crate::wire::SessionId;

/// The sessions and the cameras of this service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {}

impl Registry {
    /// Starts a session on `camera`. What it says to its viewer comes on the receiver; dropping
    /// the receiver before the description was taken ends the session.
    ///
    /// # Errors
    /// `camera-unknown`, `too-many-viewers`, `no-common-codec`, `codec-in-use`, `shutting-down`:
    /// what is known before any step begins.
    pub fn start(
        &self,
        camera: &str,
        negotiation: Negotiation,
        viewer: Option<String>,
    ) -> Result<(SessionHandle, mpsc::UnboundedReceiver<ToViewer>), Fault> {
        let _ = (negotiation, viewer);
        Err(Fault::new(FaultCode::CameraUnknown, camera))
    }

    /// A session that is alive, or one of the last that ended.
    pub fn session(&self, _id: SessionId) -> Option<SessionHandle> {
        None
    }

    /// Everything, as it stands.
    pub fn status(&self) -> ServiceStatus {
        ServiceStatus {
            version: String::new(),
            serial: 0,
            stopping: false,
            cameras: Vec::new(),
            sessions: Vec::new(),
        }
    }

    /// Everything, as soon as there is a publication newer than `after`. Cancel-safe.
    pub async fn changed(&self, after: u64) -> ServiceStatus {
        let _ = after;
        self.status()
    }

    /// Ends every session and refuses new ones; returns when all have ended.
    pub async fn stop_all(&self, _by: StopReason) {}
}
