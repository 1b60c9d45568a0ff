// SPDX-License-Identifier: MIT OR Apache-2.0
//! What systemd is told: ready, what goes on, that we are alive, that we end. Without systemd
//! (`NOTIFY_SOCKET` unset) nothing is said.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use sd_notify::NotifyState;
use tokio::net::UnixStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::lifecycle::{Phase, StopReason};
use crate::session::{CameraState, Registry, ServiceStatus};

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}

/// The service answers.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The service ends; sessions are being ended in order.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Keeps systemd's one line of status true, and its watchdog away from a device that sleeps. Does not
/// return.
pub async fn report_status(registry: Registry) {
    let mut status = registry.status();
    let (mut last, mut slept) = (String::new(), false);
    loop {
        let line = status_line(&status);
        if line != last {
            tell(&[NotifyState::Status(&line)]);
            last = line;
        }
        let sleeps = status.shut.iter().any(|shut| shut.by == StopReason::Sleep);
        if sleeps != slept {
            rest_watchdog(sleeps);
            slept = sleeps;
        }
        status = registry.changed(status.serial).await;
    }
}

/// Where the kernel's clock goes on during a sleep, which depends on the board's idle states, a watchdog
/// would find that the service had not answered for as long as it lasted, and kill it on waking.
fn rest_watchdog(rest: bool) {
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    // systemd's infinity.
    let microseconds = if rest { u128::from(u64::MAX) } else { period.as_micros() };
    let period = format!("WATCHDOG_USEC={microseconds}");
    tell(&[NotifyState::Custom(&period), NotifyState::Watchdog]);
}

fn status_line(status: &ServiceStatus) -> String {
    let cameras: Vec<String> = status
        .cameras
        .iter()
        .map(|camera| {
            let state = match camera.state {
                CameraState::Closed => "closed",
                CameraState::Opening => "opening",
                CameraState::Open => "open",
                CameraState::Closing => "closing",
                CameraState::Wedged => "wedged",
            };
            format!("{} {state}", camera.name)
        })
        .collect();
    let count = |phase| status.sessions.iter().filter(|s| s.phase == phase).count();
    let sessions: Vec<String> =
        [(Phase::Starting, "starting"), (Phase::Running, "running"), (Phase::Stopping, "stopping")]
            .into_iter()
            .filter(|(phase, _)| count(*phase) > 0)
            .map(|(phase, name)| format!("{} {name}", count(phase)))
            .collect();
    let sessions = if sessions.is_empty() { "no session".to_owned() } else { sessions.join(", ") };
    let shut: String = status.shut.iter().map(|shut| format!("; {}", shut.what)).collect();
    format!("{}; {sessions}{shut}", cameras.join(", "))
}

/// Feeds the watchdog twice per period, each time only after this service has answered a request
/// for its health on its own control socket: a service that runs but no longer answers is
/// restarted. One that answers that a camera is wedged is not: to start anew frees no camera that
/// something else holds. Returns at once when systemd asked for no watchdog.
pub async fn feed_watchdog(control: PathBuf) {
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    let mut ticks = interval(period / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match timeout(period / 2, answers(&control)).await {
            Ok(Ok(())) => tell(&[NotifyState::Watchdog]),
            Ok(Err(error)) => tracing::error!(%error, "the watchdog is not fed"),
            Err(_) => tracing::error!("the watchdog is not fed: the service does not answer"),
        }
    }
}

async fn answers(control: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let stream = UnixStream::connect(control).await?;
    let (mut requests, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = hyper::Request::get("/healthz")
        .header(hyper::header::HOST, "localhost")
        .body(Empty::<Bytes>::new())?;
    let answer = async {
        requests.send_request(request).await?;
        drop(requests);
        Ok::<_, hyper::Error>(())
    };
    tokio::try_join!(answer, connection)?;
    Ok(())
}

/// How long systemd waits between two signs of life before it restarts us.
pub fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    /// What the watchdog makes of a service that says this to one request; nothing at all when empty.
    async fn asked(said: &'static [u8]) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let service = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            stream.write_all(said).await.unwrap();
        };
        tokio::join!(answers(&path), service).0.is_ok()
    }

    #[tokio::test]
    async fn a_service_is_alive_when_it_answers_whatever_it_says() {
        assert!(asked(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await);
        // A wedged camera.
        assert!(asked(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await);
        assert!(!asked(b"").await);
    }
}
