// SPDX-License-Identifier: MIT OR Apache-2.0
//! `status`, `cameras`, `sessions`, `stop`.

use futures_util::future::join_all;
use shutterd::lifecycle::{Outcome, Phase};
use shutterd::session::{CameraState, CameraStatus, SessionStatus, Shut};
use shutterd::signalling::whip::PushRequest;

use super::client::Client;
use super::error::CtlError;
use super::output::{NOTHING, Output};

pub(super) async fn status(client: &Client, out: &mut Output) -> Result<(), CtlError> {
    let status = client.status().await?;
    if out.is_json() {
        return out.json(&status);
    }
    let stopping = if status.stopping { ", shutting down" } else { "" };
    out.line(&format!("shutterd {}{stopping}", status.version))?;
    for shut in &status.shut {
        out.line(&shut_line(shut))?;
    }
    out.line("")?;
    camera_table(&status.cameras, out)?;
    let alive: Vec<_> =
        status.sessions.into_iter().filter(|session| session.phase != Phase::Ended).collect();
    if !alive.is_empty() {
        out.line("")?;
        session_table(&alive, out)?;
    }
    Ok(())
}

/// What keeps cameras closed, and which.
pub(super) fn shut_line(shut: &Shut) -> String {
    let concerned = match shut.cameras.as_slice() {
        [] => "every camera stays closed".to_owned(),
        [camera] => format!("camera {camera} stays closed"),
        cameras => format!("cameras {} stay closed", cameras.join(", ")),
    };
    format!("{}: {concerned}", shut.what)
}

pub(super) async fn cameras(client: &Client, out: &mut Output) -> Result<(), CtlError> {
    let cameras = client.status().await?.cameras;
    if out.is_json() { out.json(&cameras) } else { camera_table(&cameras, out) }
}

pub(super) async fn sessions(client: &Client, all: bool, out: &mut Output) -> Result<(), CtlError> {
    let sessions = match all {
        true => client.history(usize::MAX).await?,
        false => client.status().await?.sessions,
    };
    if out.is_json() { out.json(&sessions) } else { session_table(&sessions, out) }
}

/// Begins a push.
pub(super) async fn start(
    client: &Client,
    push: &PushRequest,
    out: &mut Output,
) -> Result<(), CtlError> {
    let session: SessionStatus = client.post("/api/v1/sessions", push).await?;
    if out.is_json() { out.json(&session) } else { session_table(&[session], out) }
}

/// Ends one session, or all of them side by side.
pub(super) async fn stop(
    client: &Client,
    which: Option<&str>,
    out: &mut Output,
) -> Result<(), CtlError> {
    let sessions = match which {
        Some(name) => vec![client.find(name).await?],
        None => client.status().await?.sessions,
    };
    // One that has ended is asked too if it was named: the answer says how it ended.
    let asked = sessions
        .into_iter()
        .filter(|session| which.is_some() || session.phase != Phase::Ended)
        .map(|session| async move {
            client.delete::<SessionStatus>(&format!("/api/v1/sessions/{}", session.id)).await
        });
    let ended = join_all(asked).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    if out.is_json() {
        return out.json(&ended);
    }
    for session in &ended {
        out.line(&format!("{} {}", session.id, how(session)))?;
    }
    Ok(())
}

fn camera_table(cameras: &[CameraStatus], out: &mut Output) -> Result<(), CtlError> {
    let rows: Vec<_> = cameras
        .iter()
        .map(|camera| {
            [
                camera.name.clone(),
                state(camera.state).to_owned(),
                // Of one that is open the last look was before it was opened.
                camera
                    .observed
                    .as_ref()
                    .filter(|_| camera.state != CameraState::Open)
                    .map_or(NOTHING.to_owned(), |seen| seen.verdict.to_string()),
                format!("{}/{}", camera.viewers, camera.max_viewers),
                camera.codec.map_or(NOTHING.to_owned(), |codec| codec.to_string()),
                camera.board.clone(),
                camera.device.clone().unwrap_or(NOTHING.to_owned()),
                camera.fault.as_ref().map_or(String::new(), ToString::to_string),
            ]
        })
        .collect();
    out.table(["CAMERA", "STATE", "OBSERVED", "VIEWERS", "CODEC", "BOARD", "DEVICE", ""], &rows)
}

fn session_table(sessions: &[SessionStatus], out: &mut Output) -> Result<(), CtlError> {
    let rows: Vec<_> = sessions
        .iter()
        .map(|session| {
            [
                session.id.to_string(),
                session.camera.clone(),
                session.codec.to_string(),
                session.viewer.clone().unwrap_or(NOTHING.to_owned()),
                session.asked_at.clone(),
                how(session),
            ]
        })
        .collect();
    out.table(["SESSION", "CAMERA", "CODEC", "VIEWER", "ASKED", "PHASE"], &rows)
}

/// Where a camera stands, in the word of the interfaces.
pub(super) fn state(state: CameraState) -> &'static str {
    match state {
        CameraState::Closed => "closed",
        CameraState::Opening => "opening",
        CameraState::Open => "open",
        CameraState::Closing => "closing",
        CameraState::Wedged => "wedged",
    }
}

/// Where a session stands: its phase, and what it is doing or how it ended.
pub(super) fn how(session: &SessionStatus) -> String {
    let phase = match session.phase {
        Phase::Starting => "starting",
        Phase::Running => "running",
        Phase::Stopping => "stopping",
        Phase::Ended => "ended",
    };
    match (&session.outcome, &session.step) {
        (Some(outcome), _) => format!("{phase}: {}", ended(outcome)),
        (None, Some(step)) => format!("{phase}: {step}"),
        (None, None) => phase.to_owned(),
    }
}

fn ended(outcome: &Outcome) -> String {
    let mut text = outcome.cause.to_string();
    for unclean in &outcome.unclean {
        text.push_str(&format!(", unclean {}", unclean.undo));
    }
    for worker in &outcome.held {
        text.push_str(&format!(", NOT RELEASED by the {worker:?} worker").to_lowercase());
    }
    text
}
