// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system bus: `io.shutterd.Manager1`, from which a headset's shell shows its own indicator.
//!
//! `CameraOpened` is on the bus before the camera's first frame leaves the device, `CameraClosed`
//! when the release oracle has agreed, each once and in turn. Who may call is the bus's policy and,
//! where there is a polkit, its rules.

mod polkit;
mod refused;

use std::time::Duration;

use zbus::message::Header;
use zbus::object_server::{InterfaceRef, SignalEmitter};
use zbus::{Connection, connection};

use crate::lifecycle::{Fault, FaultCode, Phase, StopReason};
use crate::sdp::Offer;
use crate::session::{CameraState, Listener, News, Registry, ServiceStatus};
use crate::wire::SessionId;
use refused::Refused;

/// The service's name on the bus.
pub const NAME: &str = "io.shutterd.Manager1";
/// Its only object.
pub const PATH: &str = "/io/shutterd";
/// The polkit actions of whoever starts and ends a session.
const START: &str = "io.shutterd.start";
const STOP: &str = "io.shutterd.stop";
/// The bus answers at once, or something is wrong with it.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// Serves `registry` on the system bus. Returns only without one.
pub async fn serve(registry: Registry) {
    if let Err(error) = offer(registry).await {
        tracing::warn!(%error, "the system bus is not served: no signal tells of the cameras");
    }
}

async fn offer(registry: Registry) -> zbus::Result<()> {
    let manager = Manager { registry: registry.clone() };
    let bus = connection::Builder::system().method_timeout(CALL_DEADLINE);
    let bus = bus.serve_at(PATH, manager).name(NAME).build().await?;
    let manager = bus.object_server().interface::<_, Manager>(PATH).await?;
    tracing::info!("{NAME} is on the system bus");
    // After the name is ours: what is said before would be a stranger's word.
    announce(&bus, &manager, registry.announcer().listen(), &registry).await
}

async fn announce(
    bus: &Connection,
    manager: &InterfaceRef<Manager>,
    mut news: Listener,
    registry: &Registry,
) -> zbus::Result<()> {
    let emitter = manager.signal_emitter();
    let mut before = registry.status();
    loop {
        tokio::select! {
            // What an indicator waits for goes first.
            biased;
            Some((number, said)) = news.next() => {
                match said {
                    News::Opened { camera } => Manager::camera_opened(emitter, &camera).await?,
                    News::Closed { camera } => Manager::camera_closed(emitter, &camera).await?,
                    News::Wedged { camera, fault } => {
                        Manager::fault_raised(emitter, &camera, fault.code.name(), &fault.detail)
                            .await?;
                    }
                }
                news.passed_on(number);
            }
            now = registry.changed(before.serial) => {
                changed(manager, &before, &now).await?;
                before = now;
            }
            () = bus.closed() => return Err(zbus::Error::Failure("the bus is gone".into())),
        }
    }
}

/// Tells what is not as it was.
async fn changed(
    manager: &InterfaceRef<Manager>,
    before: &ServiceStatus,
    now: &ServiceStatus,
) -> zbus::Result<()> {
    let emitter = manager.signal_emitter();
    for session in &now.sessions {
        let was = before.sessions.iter().find(|was| was.id == session.id);
        // One that had ended before it was seen is told of all the same.
        if was.is_none_or(|was| was.phase != session.phase) {
            let cause = session.outcome.as_ref().map(|outcome| outcome.cause.to_string());
            let (id, phase) = (session.id.to_string(), word(session.phase));
            let cause = cause.unwrap_or_default();
            Manager::session_changed(emitter, &id, &session.camera, phase, &cause).await?;
        }
    }
    let interface = manager.get().await;
    if cameras(before) != cameras(now) {
        interface.cameras_changed(emitter).await?;
    }
    if sessions(before) != sessions(now) {
        interface.sessions_changed(emitter).await?;
    }
    if fault(before) != fault(now) {
        interface.fault_changed(emitter).await?;
    }
    if shut(before) != shut(now) {
        interface.shut_changed(emitter).await?;
    }
    Ok(())
}

struct Manager {
    registry: Registry,
}

#[zbus::interface(name = "io.shutterd.Manager1")]
impl Manager {
    /// Starts a session for whoever made `offer` (SDP with all candidates of the viewer, or none): its
    /// id, and the answer with all candidates of the device.
    async fn start(
        &self,
        camera: &str,
        offer: &str,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(String, String), Refused> {
        authorized(bus, &header, START).await?;
        let caller = header.sender().map(|name| format!("{name} on the system bus"));
        let (session, answer) = self.registry.answer(camera, Offer::parse(offer)?, caller).await?;
        Ok((session.id().to_string(), answer))
    }

    /// Ends the session; answers when its camera is observed closed, or kept for others.
    async fn stop(
        &self,
        session: &str,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Refused> {
        authorized(bus, &header, STOP).await?;
        let unknown =
            || Fault::new(FaultCode::SessionUnknown, format!("no session `{session}` is alive"));
        let id: SessionId = session.parse().map_err(|_| unknown())?;
        let session = self.registry.session(id).ok_or_else(unknown)?;
        session.stop(StopReason::Api);
        session.ended().await;
        Ok(())
    }

    /// Ends every session; answers when the cameras are observed closed. New ones may start.
    async fn stop_all(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Refused> {
        authorized(bus, &header, STOP).await?;
        self.registry.stop_each(StopReason::Api).await;
        Ok(())
    }

    /// Each camera: name, state, how many watch, the code of its fault or nothing.
    #[zbus(property)]
    fn cameras(&self) -> Vec<(String, String, u32, String)> {
        cameras(&self.registry.status())
    }

    /// Each session that is alive: id, camera, phase, step or nothing.
    #[zbus(property)]
    fn sessions(&self) -> Vec<(String, String, String, String)> {
        sessions(&self.registry.status())
    }

    /// What is wrong with a camera that could not be released: code and particulars, or nothing.
    #[zbus(property)]
    fn fault(&self) -> (String, String) {
        fault(&self.registry.status())
    }

    /// What keeps cameras closed for now: the reason's name, and what it is for a person.
    #[zbus(property)]
    fn shut(&self) -> Vec<(String, String)> {
        shut(&self.registry.status())
    }

    /// The service's version.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    /// The camera is open. Its first frame leaves after this.
    #[zbus(signal)]
    async fn camera_opened(emitter: &SignalEmitter<'_>, camera: &str) -> zbus::Result<()>;

    /// The camera is observed closed.
    #[zbus(signal)]
    async fn camera_closed(emitter: &SignalEmitter<'_>, camera: &str) -> zbus::Result<()>;

    /// The session is in another phase; in the last one, `ended`, with its cause.
    #[zbus(signal)]
    async fn session_changed(
        emitter: &SignalEmitter<'_>,
        session: &str,
        camera: &str,
        phase: &str,
        cause: &str,
    ) -> zbus::Result<()>;

    /// The camera could not be released.
    #[zbus(signal)]
    async fn fault_raised(
        emitter: &SignalEmitter<'_>,
        camera: &str,
        code: &str,
        detail: &str,
    ) -> zbus::Result<()>;
}

async fn authorized(
    bus: &Connection,
    header: &Header<'_>,
    action: &'static str,
) -> Result<(), Refused> {
    match polkit::allows(bus, header, action).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refused::NotAuthorized(action.into())),
        Err(error) => Err(Refused::Bus(error)),
    }
}

fn cameras(status: &ServiceStatus) -> Vec<(String, String, u32, String)> {
    let of = |camera: &crate::session::CameraStatus| {
        let state = match camera.state {
            CameraState::Closed => "closed",
            CameraState::Opening => "opening",
            CameraState::Open => "open",
            CameraState::Closing => "closing",
            CameraState::Wedged => "wedged",
        };
        let viewers = u32::try_from(camera.viewers).unwrap_or(u32::MAX);
        let fault = camera.fault.as_ref().map_or("", |fault| fault.code.name());
        (camera.name.clone(), state.to_owned(), viewers, fault.to_owned())
    };
    status.cameras.iter().map(of).collect()
}

fn sessions(status: &ServiceStatus) -> Vec<(String, String, String, String)> {
    let alive = status.sessions.iter().filter(|session| session.phase != Phase::Ended);
    let of = |session: &crate::session::SessionStatus| {
        let (id, step) = (session.id.to_string(), session.step.clone().unwrap_or_default());
        (id, session.camera.clone(), word(session.phase).to_owned(), step)
    };
    alive.map(of).collect()
}

fn fault(status: &ServiceStatus) -> (String, String) {
    let fault = status
        .cameras
        .iter()
        .find_map(|camera| camera.fault.as_ref().filter(|_| camera.state == CameraState::Wedged));
    fault.map(|fault| (fault.code.name().to_owned(), fault.detail.clone())).unwrap_or_default()
}

fn shut(status: &ServiceStatus) -> Vec<(String, String)> {
    status.shut.iter().map(|shut| (shut.by.name().to_owned(), shut.what.clone())).collect()
}

fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Running => "running",
        Phase::Stopping => "stopping",
        Phase::Ended => "ended",
    }
}
