// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sleep as logind announces it, by a logind of the test's own: what the service promises is that
//! the lock which holds the sleep up is given back when the camera is observed closed, not before.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bus::Bus;
use hyper::{Method, StatusCode};
use server::{Turn, WhipServer};
use service::{Answer, DEMO, PATIENCE, Service, offer};
use shutterd::lifecycle::{Cause, StopReason};
use shutterd::session::CameraState;
use tokio::sync::mpsc;

mod bus;
#[path = "media/decoder.rs"]
mod decoder;
#[allow(dead_code, reason = "the tests of pushes use more of it")]
#[path = "whip/server.rs"]
mod server;
mod service;
#[path = "media/soon.rs"]
mod soon;
#[allow(dead_code, reason = "the workers' tests use more of it")]
#[path = "media/viewer.rs"]
mod viewer;

const PATH: &str = "/org/freedesktop/login1";

/// The part of logind that sleep is about. Each lock that it gives comes out as the pipe's other
/// end, which ends when nobody has the lock any more.
struct Logind {
    locks: mpsc::UnboundedSender<std::io::PipeReader>,
    preparing: bool,
    /// So many calls fail first.
    failing: AtomicUsize,
    /// Says that it was asked for its properties, and does not answer.
    asked: Option<mpsc::UnboundedSender<()>>,
}

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Logind {
    fn inhibit(
        &self,
        what: &str,
        who: &str,
        why: &str,
        mode: &str,
    ) -> zbus::fdo::Result<zbus::OwnedFd> {
        assert_eq!((what, who, mode), ("sleep", "shutterd", "delay"), "{why}");
        let less = |failing: usize| failing.checked_sub(1);
        if self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
            return Err(zbus::fdo::Error::Failed("polkit does not answer".into()));
        }
        let (reader, lock) = std::io::pipe().unwrap();
        self.locks.send(reader).unwrap();
        Ok(OwnedFd::from(lock).into())
    }

    #[zbus(property)]
    async fn preparing_for_sleep(&self) -> bool {
        if let Some(asked) = &self.asked {
            asked.send(()).unwrap();
            std::future::pending::<()>().await;
        }
        self.preparing
    }

    #[zbus(signal)]
    async fn prepare_for_sleep(
        emitter: &zbus::object_server::SignalEmitter<'_>,
        start: bool,
    ) -> zbus::Result<()>;
}

/// A device that can be sent to sleep, and the service on it.
struct Device {
    service: Service,
    logind: zbus::Connection,
    locks: Locks,
    bus: Bus,
}

impl Device {
    async fn start(preparing: bool) -> Self {
        Self::start_with(preparing, &[]).await
    }

    async fn start_with(preparing: bool, variables: &[(&str, &str)]) -> Self {
        Self::start_as(DEMO, preparing, variables).await
    }

    async fn start_as(config: &str, preparing: bool, variables: &[(&str, &str)]) -> Self {
        let bus = Bus::start();
        let (logind, locks) = logind(&bus, preparing, 0).await;
        let mut command = Command::new(env!("CARGO_BIN_EXE_shutterd"));
        command.env(bus::VARIABLE, &bus.address).envs(variables.iter().copied());
        let service = Service::start_by(command, config);
        Self { service, logind, locks, bus }
    }

    async fn announce(&self, start: bool) {
        let place = self.logind.object_server().interface::<_, Logind>(PATH).await.unwrap();
        Logind::prepare_for_sleep(place.signal_emitter(), start).await.unwrap();
    }

    /// The lock that the service has taken.
    async fn lock(&mut self) -> std::io::PipeReader {
        tokio::time::timeout(PATIENCE, self.locks.recv()).await.expect("no lock is taken").unwrap()
    }

    /// Starts a session whose viewer never comes.
    async fn offer(&self) -> Answer {
        self.service.offer("head", &offer("h264")).await
    }
}

type Locks = mpsc::UnboundedReceiver<std::io::PipeReader>;

async fn logind(bus: &Bus, preparing: bool, failing: usize) -> (zbus::Connection, Locks) {
    let (locks, taken) = mpsc::unbounded_channel();
    let failing = failing.into();
    (serve(bus, Logind { locks, preparing, failing, asked: None }).await, taken)
}

async fn serve(bus: &Bus, logind: Logind) -> zbus::Connection {
    let service = bus.connect().name("org.freedesktop.login1").serve_at(PATH, logind);
    service.build().await.unwrap()
}

/// Waits until nobody has the lock; how the service then stands is what it was given back for.
async fn given_back(mut lock: std::io::PipeReader) {
    let ended = tokio::task::spawn_blocking(move || lock.read(&mut [0]));
    let ended = tokio::time::timeout(PATIENCE, ended).await.expect("the lock is kept");
    assert_eq!(ended.unwrap().unwrap(), 0);
}

// Failure modes: N13.
#[tokio::test(flavor = "multi_thread")]
async fn a_sleep_waits_until_the_camera_is_observed_closed() {
    let mut device = Device::start(false).await;
    let mut lock = device.lock().await;
    for sleep in 0..3 {
        let answer = device.offer().await;
        assert_eq!(answer.status, StatusCode::CREATED, "{sleep}: {answer:?}");
        device.announce(true).await;
        given_back(lock).await;
        let status = device.service.status().await;
        assert_eq!(status.cameras[0].state, CameraState::Closed, "{sleep}");
        let outcome = status.sessions.last().unwrap().outcome.as_ref().expect("it has ended");
        assert_eq!(outcome.cause, Cause::Requested { by: StopReason::Sleep });
        assert_eq!((outcome.unclean.as_slice(), outcome.held.as_slice()), (&[][..], &[][..]));
        // Nothing starts on the brink of sleep.
        let refused = device.offer().await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.json()["code"], "sleeping", "{refused:?}");
        assert_eq!(status.shut[0].by, StopReason::Sleep);

        device.announce(false).await;
        lock = device.lock().await;
        device.service.until("awake", |status| status.shut.is_empty()).await;
    }
    assert_eq!(device.offer().await.status, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sleep_during_the_start_of_a_session_ends_it() {
    let mut device = Device::start(false).await;
    let lock = device.lock().await;
    let stopped = async {
        device.service.until("a session", |status| !status.sessions.is_empty()).await;
        device.announce(true).await;
    };
    let (answer, ()) = tokio::join!(device.offer(), stopped);
    given_back(lock).await;
    let status = device.service.status().await;
    assert_eq!(status.cameras[0].state, CameraState::Closed);
    let outcome = status.sessions[0].outcome.as_ref().expect("it has ended");
    assert_eq!(outcome.cause, Cause::Requested { by: StopReason::Sleep });
    // Too late to be refused, or refused with the reason.
    if answer.status != StatusCode::CREATED {
        assert_eq!(answer.json()["code"], "sleeping", "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_begins_on_the_brink_of_sleep_starts_no_session() {
    let mut device = Device::start(true).await;
    given_back(device.lock().await).await;
    let refused = device.offer().await;
    assert_eq!(refused.json()["code"], "sleeping", "{refused:?}");
    device.announce(false).await;
    device.lock().await;
    device.service.until("awake", |status| status.shut.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logind_that_is_restarted_gives_a_new_lock() {
    let mut device = Device::start(false).await;
    let lock = device.lock().await;
    device.announce(true).await;
    given_back(lock).await;
    device.logind.close().await.unwrap();
    (device.logind, device.locks) = logind(&device.bus, false, 0).await;
    // It died with the sleep that it had announced.
    device.lock().await;
    device.service.until("awake", |status| status.shut.is_empty()).await;
    assert_eq!(device.offer().await.status, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_of_the_configuration_comes_back_after_the_sleep() {
    let mut server = WhipServer::start([Turn::Watch, Turn::Watch]).await;
    let push = format!("[[push]]\ncamera = \"head\"\nwhip = {:?}\n", server.url());
    let mut device = Device::start_as(&format!("{DEMO}{push}"), false, &[]).await;
    let lock = device.lock().await;
    let viewer = server.viewer().await;
    soon::soon("pictures", viewer.frames().wait_for(|frames| *frames >= 5)).await.unwrap();
    device.announce(true).await;
    given_back(lock).await;
    let status = device.service.status().await;
    assert_eq!(status.cameras[0].state, CameraState::Closed);
    assert_eq!(status.sessions.len(), 1, "it waits: {status:?}");
    device.announce(false).await;
    let viewer = server.viewer().await;
    soon::soon("pictures", viewer.frames().wait_for(|frames| *frames >= 5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logind_that_fails_is_asked_again() {
    let mut device = Device::start(false).await;
    let lock = device.lock().await;
    device.logind.close().await.unwrap();
    given_back(lock).await;
    (device.logind, device.locks) = logind(&device.bus, false, 2).await;
    let lock = device.lock().await;
    assert_eq!(device.offer().await.status, StatusCode::CREATED);
    device.announce(true).await;
    given_back(lock).await;
    assert_eq!(device.service.status().await.cameras[0].state, CameraState::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logind_that_dies_while_it_is_asked_is_heard_when_it_is_back() {
    let bus = Bus::start();
    let (locks, _taken) = mpsc::unbounded_channel();
    let (asked, mut question) = mpsc::unbounded_channel();
    let dying = Logind { locks, preparing: false, failing: 0.into(), asked: Some(asked) };
    let dying = serve(&bus, dying).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_shutterd"));
    command.env(bus::VARIABLE, &bus.address);
    let service = Service::start_by(command, DEMO);
    tokio::time::timeout(PATIENCE, question.recv()).await.expect("nothing is asked").unwrap();
    dying.close().await.unwrap();
    let (logind, locks) = logind(&bus, false, 0).await;
    let mut device = Device { service, logind, locks, bus };
    let lock = device.lock().await;
    assert_eq!(device.offer().await.status, StatusCode::CREATED);
    device.announce(true).await;
    given_back(lock).await;
    assert_eq!(device.service.status().await.cameras[0].state, CameraState::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lock_is_kept_to_the_end_of_the_service() {
    let mut device = Device::start(false).await;
    let lock = device.lock().await;
    assert_eq!(device.offer().await.status, StatusCode::CREATED);
    device.service.signal(rustix::process::Signal::TERM);
    given_back(lock).await;
    let said = tokio::task::spawn_blocking(move || {
        let status = device.service.ended();
        (status, device.service.said())
    });
    let (status, said) =
        tokio::time::timeout(PATIENCE + Duration::from_secs(1), said).await.unwrap().unwrap();
    assert!(status.success(), "{said}");
    assert!(said.contains("camera=\"head\" state=Closed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_rests_while_the_device_sleeps() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
    let hear = async |wanted: &str| {
        let listening = async {
            let mut bytes = [0; 4096];
            loop {
                let len = socket.recv(&mut bytes).await.unwrap();
                if String::from_utf8_lossy(&bytes[..len]).lines().any(|line| line == wanted) {
                    return;
                }
            }
        };
        assert!(tokio::time::timeout(PATIENCE, listening).await.is_ok(), "{wanted} was not said");
    };
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "3000000")];
    let mut device = Device::start_with(false, &variables).await;
    let lock = device.lock().await;
    device.announce(true).await;
    given_back(lock).await;
    hear(&format!("WATCHDOG_USEC={}", u64::MAX)).await;
    device.announce(false).await;
    hear("WATCHDOG_USEC=3000000").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bus_the_log_says_what_that_means() {
    let mut service = Service::start(DEMO);
    let line =
        service.has_said("no system bus: a camera that is open when the device sleeps stays so");
    assert!(line.contains("open when the device sleeps"), "{line}");
    let answer = service.offer("head", &offer("h264")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    service.request(Method::DELETE, answer.header("location"), &[], "").await;
}
