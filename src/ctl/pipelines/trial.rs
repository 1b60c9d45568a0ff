// SPDX-License-Identifier: MIT OR Apache-2.0
//! `pipelines check --run`: sessions as the service has them, with its workers, deadlines and release
//! oracle, but without a viewer. Each ends when the device's offer is there, which is as far as a
//! session comes by itself: by then encoded frames have been seen and their parameter sets are known.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use shutterd::config::{self, Config};
use shutterd::lifecycle::{CameraOpens, Fault, FaultCode, Step, StopReason};
use shutterd::session::{
    CameraState, Journal, Negotiation, Registry, ServiceStatus, SessionHandle,
};
use shutterd::triggers::Triggers;
use shutterd::wire::Codec;
use shutterd::worker::{Spares, program};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::report::Trial;
use super::{camera, configuration, read, report, unusable};
use crate::ctl::args::Check;
use crate::ctl::client::Client;
use crate::ctl::error::CtlError;
use crate::ctl::output::Output;

/// How long the workers may take to be gone when every session has ended.
const LEFTOVERS_DEADLINE: Duration = Duration::from_secs(2);

/// Fails when a pipeline did not run as it should, was refused, or was not tried for a signal.
pub(super) async fn run(
    directories: &[PathBuf],
    check: &Check,
    client: &Client,
    out: &mut Output,
) -> Result<ExitCode, CtlError> {
    let mut signals = Signals::watch()?;
    let config = configured(directories, check)?;
    // It may not run, and then it has no camera.
    let service = client.status().await.ok();
    let tasks = TaskTracker::new();
    let program = program::find(config.media.worker.as_deref());
    let spares = Spares::new(program, config.elements(), true, tasks.clone());
    let spares = Arc::new(spares.of(config.control.socket.clone()));
    let registry = Registry::new(&config, Arc::clone(&spares), tasks.clone(), Journal::begin(None));
    // A lens cover that is shut keeps a camera from being tried too, and a sleep waits for its end.
    let _triggers = Triggers::listen(&config, &registry).await;

    let mut trials = Vec::new();
    let trying = async {
        tokio::select! {
            () = spares.prepare() => {}
            by = signals.next() => return Ok(Some(by)),
        }
        // As in a service that has run for a while. One that hangs is found by the session.
        let patience = config.deadlines.step(Step::CreatePeer);
        for (camera, codec) in pipelines(&config, check) {
            tokio::select! {
                _ = timeout(patience, spares.warmed()) => {}
                by = signals.next() => return Ok(Some(by)),
            }
            let refused = service.as_ref().and_then(|status| refusal(status, camera));
            let (trial, stopped) = match refused {
                Some(fault) => (Trial::refused(camera, codec, fault), None),
                None => try_out(&registry, camera, codec, &mut signals).await,
            };
            if !out.is_json() {
                trial.print(&config, out)?;
            }
            trials.push(trial);
            if stopped.is_some() {
                return Ok(stopped);
            }
        }
        Ok::<_, CtlError>(None)
    };
    let tried = trying.await;

    registry.stop_all(StopReason::Shutdown).await;
    registry.let_go().await;
    spares.close();
    tasks.close();
    // One that does not is a camera's that is wedged, and was said there.
    let _ = timeout(LEFTOVERS_DEADLINE, tasks.wait()).await;
    report::end(&trials, tried?, &config, out)
}

/// What the service would read, with the cameras to be tried.
fn configured(directories: &[PathBuf], check: &Check) -> Result<Config, CtlError> {
    let mut config = configuration(check.config.as_deref())
        .map_err(|report| CtlError::Failed(report.to_string()))?;
    let searched: Vec<PathBuf> =
        directories.iter().chain(&config.media.pipelines).cloned().collect();
    if !check.boards.is_empty() {
        let cameras = check.boards.iter().enumerate().map(|(number, name)| {
            let board = read(&searched, name).map_err(|error| unusable(name, error))?;
            let camera = camera(&board, &check.picture)?;
            Ok(config::Camera { name: format!("camera-{}", number + 1), ..camera })
        });
        config.cameras = cameras.collect::<Result<_, CtlError>>()?;
    }
    if let Some(codec) = check.codec.map(Codec::from)
        && let Some(camera) = config.cameras.iter().find(|c| !c.codecs.contains(&codec))
    {
        let (name, board) = (&camera.name, camera.board.name());
        let said = format!("camera {name}, of board {board}, has no {codec}");
        return Err(CtlError::Usage(said));
    }
    for camera in &mut config.cameras {
        // In the order of the tables, and an offer of what the encoder really makes.
        camera.camera_opens = CameraOpens::BeforeOffer;
    }
    // It is the camera that is tried, and nobody is out there.
    config.webrtc.ice_servers.clear();
    Ok(config)
}

fn pipelines<'a>(
    config: &'a Config,
    check: &Check,
) -> impl Iterator<Item = (&'a config::Camera, Codec)> + use<'a> {
    let only = check.codec.map(Codec::from);
    config.cameras.iter().flat_map(move |camera| {
        let codecs = camera.codecs.clone();
        let wanted = move |codec: &Codec| only.is_none_or(|only| only == *codec);
        codecs.into_iter().filter(wanted).map(move |codec| (camera, codec))
    })
}

/// Why the running service does not let go of the camera, or would not open it either.
fn refusal(service: &ServiceStatus, camera: &config::Camera) -> Option<Fault> {
    let node = camera.device.as_ref()?;
    let same = |device: &str| device == node || node.canonicalize().ok() == canonical(device);
    let known = service.cameras.iter().find(|it| it.device.as_deref().is_some_and(same))?;
    let name = &known.name;
    if let Some(shut) = service.shut.iter().find(|shut| shut.concerns(name)) {
        return Some(shut.fault());
    }
    if known.state == CameraState::Closed {
        return None;
    }
    if let Some(fault) = &known.fault {
        return Some(fault.clone());
    }
    let state = crate::ctl::service::state(known.state);
    let detail = format!(
        "{} is the service's camera {name}, which is {state} (viewers: {}); \
         `shutterctl stop --all` ends their sessions",
        node.display(),
        known.viewers
    );
    Some(Fault::new(FaultCode::CameraBusy, detail))
}

fn canonical(device: &str) -> Option<PathBuf> {
    std::path::Path::new(device).canonicalize().ok()
}

/// One session, from its first step to the camera's observed close; and the signal that ended it
/// early.
async fn try_out(
    registry: &Registry,
    camera: &config::Camera,
    codec: Codec,
    signals: &mut Signals,
) -> (Trial, Option<&'static str>) {
    let wanted = Negotiation::DeviceOffers(vec![codec]);
    let (session, mut told) = match registry.start(&camera.name, wanted, None) {
        Ok(started) => started,
        Err(fault) => return (Trial::refused(camera, codec, fault), None),
    };
    let offered = async {
        // Nothing is said before the offer, but for the end.
        let _ = told.recv().await;
    };
    let stopped = tokio::select! {
        () = offered => None,
        by = signals.next() => Some(by),
    };
    session.stop(if stopped.is_some() { StopReason::Shutdown } else { StopReason::Api });
    session.ended().await;
    (of(registry, &session, camera, codec), stopped)
}

fn of(
    registry: &Registry,
    session: &SessionHandle,
    camera: &config::Camera,
    codec: Codec,
) -> Trial {
    let cameras = registry.status().cameras;
    let status = cameras.into_iter().find(|status| status.name == camera.name);
    Trial::new(camera, codec, session.timeline(), status)
}

/// What ends the command early, watched from the moment this exists.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next of them, by name. Cancel-safe.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A camera on `/dev/null`, which is a node that everybody has.
    fn on_null() -> config::Camera {
        let text =
            "[[camera]]\nname = \"head\"\nboard = \"v4l2-software\"\ndevice = \"/dev/null\"\n";
        Config::from_text(text).unwrap().cameras.remove(0)
    }

    fn service(device: &str, state: &str, shut: &[&str]) -> ServiceStatus {
        let shut: Vec<_> = shut
            .iter()
            .map(|name| json!({ "by": "lens-cover", "what": "shut", "cameras": [name] }))
            .collect();
        let camera = json!({
            "name": "front", "board": "demo", "device": device, "state": state, "viewers": 2,
            "max_viewers": 8,
        });
        let status = json!({
            "version": "1", "serial": 1, "stopping": false, "shut": shut, "cameras": [camera],
            "sessions": [],
        });
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn what_the_service_has_is_not_touched() {
        let link = tempfile::tempdir().unwrap();
        let by_id = link.path().join("by-id");
        std::os::unix::fs::symlink("/dev/null", &by_id).unwrap();
        for device in ["/dev/null", by_id.to_str().unwrap()] {
            let fault = refusal(&service(device, "open", &[]), &on_null()).unwrap();
            assert_eq!(fault.code, FaultCode::CameraBusy);
            assert!(fault.detail.contains("camera front, which is open (viewers: 2)"), "{fault}");
        }
        let shut = refusal(&service("/dev/null", "closed", &["front"]), &on_null()).unwrap();
        assert_eq!(shut.code, FaultCode::CameraShut);
        for (device, state, shut) in [
            ("/dev/null", "closed", &[][..]),
            ("/dev/null", "closed", &["rear"]),
            ("/dev/zero", "open", &["front"]),
        ] {
            assert_eq!(
                refusal(&service(device, state, shut), &on_null()),
                None,
                "{device} {state}"
            );
        }
    }
}
