// SPDX-License-Identifier: MIT OR Apache-2.0
//! `watch`: what changes, as it changes.

use shutterd::session::ServiceStatus;

use super::client::Client;
use super::error::CtlError;
use super::output::Output;
use super::service::{how, shut_line, state};

/// Follows the service until it ends, which is an error: nobody answers any more.
pub(super) async fn run(client: &Client, out: &mut Output) -> Result<(), CtlError> {
    let mut seen: Option<ServiceStatus> = None;
    loop {
        let path = match &seen {
            Some(status) => format!("/api/v1/status?after={}", status.serial),
            None => "/api/v1/status".to_owned(),
        };
        let status: ServiceStatus = client.get(&path).await?;
        if seen.as_ref() != Some(&status) {
            if out.is_json() {
                out.json_line(&status)?;
            } else {
                for line in changes(seen.as_ref(), &status) {
                    out.line(&line)?;
                }
            }
        }
        seen = Some(status);
    }
}

/// One line for each thing that is not as it was. At first that is everything.
fn changes(before: Option<&ServiceStatus>, now: &ServiceStatus) -> Vec<String> {
    let mut lines = Vec::new();
    for camera in &now.cameras {
        let say = |camera: &shutterd::session::CameraStatus| {
            let fault = camera.fault.as_ref().map_or(String::new(), |fault| format!(" ({fault})"));
            let (state, viewers) = (state(camera.state), camera.viewers);
            format!("camera {}: {state}, viewers {viewers}{fault}", camera.name)
        };
        let was = before.and_then(|b| b.cameras.iter().find(|was| was.name == camera.name));
        let line = say(camera);
        if was.map(say).as_ref() != Some(&line) {
            lines.push(line);
        }
    }
    for session in &now.sessions {
        let was = before.and_then(|b| b.sessions.iter().find(|was| was.id == session.id));
        // What had ended before we looked is history, not a change.
        let news = match was {
            Some(was) => how(was) != how(session),
            None => before.is_some() || session.outcome.is_none(),
        };
        if news {
            lines.push(format!("session {} on {}: {}", session.id, session.camera, how(session)));
        }
    }
    let was_shut = before.map_or(&[][..], |before| &before.shut);
    lines.extend(now.shut.iter().filter(|shut| !was_shut.contains(shut)).map(shut_line));
    let over = was_shut.iter().filter(|shut| !now.shut.contains(shut));
    lines.extend(over.map(|shut| format!("{}: no more", shut.what)));
    if now.stopping && before.is_none_or(|before| !before.stopping) {
        lines.push("service: shutting down".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use shutterd::lifecycle::{Phase, Role, StopReason};
    use shutterd::session::{CameraState, CameraStatus, SessionStatus, Shut};
    use shutterd::wire::{Codec, SessionId};

    fn status(state: CameraState, step: Option<&str>) -> ServiceStatus {
        let camera = CameraStatus {
            name: "head".into(),
            board: "demo".into(),
            device: None,
            state,
            viewers: 1,
            max_viewers: 8,
            codec: None,
            fault: None,
            observed: None,
        };
        let session = step.map(|step| SessionStatus {
            id: SessionId(1),
            run: String::new(),
            generation: 1,
            serial: 1,
            camera: "head".into(),
            role: Role::Answerer,
            codec: Codec::H264,
            viewer: None,
            phase: Phase::Starting,
            step: Some(step.into()),
            asked_at: String::new(),
            outcome: None,
        });
        ServiceStatus {
            version: String::new(),
            serial: 1,
            stopping: false,
            shut: Vec::new(),
            cameras: vec![camera],
            sessions: session.into_iter().collect(),
        }
    }

    #[test]
    fn only_what_changed_is_said() {
        let first = status(CameraState::Closed, None);
        assert_eq!(changes(None, &first), ["camera head: closed, viewers 1"]);
        assert!(changes(Some(&first), &first).is_empty());
        let then = status(CameraState::Opening, Some("open-camera"));
        assert_eq!(
            changes(Some(&first), &then),
            [
                "camera head: opening, viewers 1",
                "session 0000000000000001 on head: starting: open-camera"
            ]
        );
        let mut shut = then.clone();
        let cover = Shut {
            by: StopReason::LensCover,
            what: "the lens cover is shut".into(),
            cameras: vec!["head".into()],
        };
        shut.shut.push(cover);
        assert_eq!(
            changes(Some(&then), &shut),
            ["the lens cover is shut: camera head stays closed"]
        );
        assert_eq!(changes(Some(&shut), &then), ["the lens cover is shut: no more"]);
        let mut stopping = then.clone();
        stopping.stopping = true;
        assert_eq!(changes(Some(&then), &stopping), ["service: shutting down"]);
    }
}
