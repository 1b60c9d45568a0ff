// SPDX-License-Identifier: MIT OR Apache-2.0
//! The service on the system bus, as the shell of a headset meets it.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::collections::HashMap;
use std::process::Command;

use bus::Bus;
use futures_util::StreamExt;
use hyper::StatusCode;
use service::{DEMO, PATIENCE, Service, offer};
use shutterd::session::CameraState;
use zbus::zvariant::OwnedVariant;

mod bus;
mod service;

#[zbus::proxy(
    interface = "io.shutterd.Manager1",
    default_service = "io.shutterd.Manager1",
    default_path = "/io/shutterd"
)]
trait Manager {
    fn start(&self, camera: &str, offer: &str) -> zbus::Result<(String, String)>;
    fn stop(&self, session: &str) -> zbus::Result<()>;
    fn stop_all(&self) -> zbus::Result<()>;
    #[zbus(property)]
    fn cameras(&self) -> zbus::Result<Vec<(String, String, u32, String)>>;
    #[zbus(property)]
    fn sessions(&self) -> zbus::Result<Vec<(String, String, String, String)>>;
    #[zbus(property)]
    fn fault(&self) -> zbus::Result<(String, String)>;
}

/// The service on a bus of its own, and a client of it.
async fn on_a_bus(bus: &Bus) -> (Service, ManagerProxy<'static>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shutterd"));
    command.env(bus::VARIABLE, &bus.address);
    let mut service = Service::start_by(command, DEMO);
    service.has_said("is on the system bus");
    let client = bus.connect().build().await.unwrap();
    (service, ManagerProxy::new(&client).await.unwrap())
}

/// Starts a session whose viewer never comes, and waits until it waits for it.
async fn session(service: &Service) -> String {
    let answer = service.offer("head", &offer("h264")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.header("location").rsplit('/').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_camera_is_said_to_be_opened_and_closed_in_turn() {
    let bus = Bus::start();
    let (service, manager) = on_a_bus(&bus).await;
    let mut signals = manager.inner().receive_all_signals().await.unwrap();
    let idle = vec![("head".to_owned(), "closed".to_owned(), 0, String::new())];
    assert_eq!(manager.cameras().await.unwrap(), idle);

    for _ in 0..3 {
        let id = session(&service).await;
        let (alive, ..) = manager.sessions().await.unwrap().pop().unwrap();
        assert_eq!(alive, id);
        manager.stop(&id).await.unwrap();
        let status = service.status().await;
        assert_eq!(status.cameras[0].state, CameraState::Closed, "answered when it is closed");

        let mut said = Vec::new();
        let listening = async {
            while said.last().is_none_or(|last: &String| last != "ended requested(api)") {
                let message = signals.next().await.expect("the bus is there");
                let body = message.body();
                match message.header().member().unwrap().as_str() {
                    "SessionChanged" => {
                        let (session, camera, phase, cause): (&str, &str, &str, &str) =
                            body.deserialize().unwrap();
                        assert_eq!((session, camera), (id.as_str(), "head"));
                        said.push(format!("{phase} {cause}").trim_end().to_owned());
                    }
                    name => said.push(format!("{name} {}", body.deserialize::<&str>().unwrap())),
                }
            }
        };
        assert!(tokio::time::timeout(PATIENCE, listening).await.is_ok(), "{said:?}");
        let cameras = said.iter().filter(|word| word.starts_with("Camera"));
        let cameras: Vec<&str> = cameras.map(String::as_str).collect();
        assert_eq!(cameras, ["CameraOpened head", "CameraClosed head"], "{said:?}");
        let place = |word: &str| said.iter().position(|said| said == word).unwrap();
        assert!(place("CameraClosed head") < place("ended requested(api)"), "{said:?}");
    }
    assert_eq!(manager.fault().await.unwrap(), Default::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_end_sessions_and_is_told_what_it_got_wrong() {
    let bus = Bus::start();
    let (service, manager) = on_a_bus(&bus).await;
    for wrong in ["", "42", "nonsense"] {
        let refused = manager.stop(wrong).await.unwrap_err().to_string();
        assert!(refused.contains("io.shutterd.Error.SessionUnknown"), "{refused}");
    }
    session(&service).await;
    session(&service).await;
    manager.stop_all().await.unwrap();
    let status = service.status().await;
    assert_eq!(status.cameras[0].state, CameraState::Closed);
    assert_eq!(manager.sessions().await.unwrap(), []);
    session(&service).await;
    manager.stop_all().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_start_a_session_with_an_offer_and_has_the_whole_answer() {
    let bus = Bus::start();
    let (service, manager) = on_a_bus(&bus).await;
    let (id, answer) = manager.start("head", &offer("h264")).await.unwrap();
    assert!(answer.contains("a=sendonly") && answer.contains("a=candidate:"), "{answer}");
    let (alive, camera, phase, _) = manager.sessions().await.unwrap().pop().unwrap();
    assert_eq!((alive, camera.as_str(), phase.as_str()), (id.clone(), "head", "starting"));
    let viewer = service.status().await.sessions[0].viewer.clone().unwrap();
    assert!(viewer.starts_with(':') && viewer.ends_with("on the system bus"), "{viewer}");
    manager.stop(&id).await.unwrap();

    for (camera, text, code) in [
        ("rear", offer("h264"), "CameraUnknown"),
        ("head", "nonsense".into(), "SdpInvalid"),
        ("head", offer("av1"), "NoCommonCodec"),
    ] {
        let refused = manager.start(camera, &text).await.unwrap_err().to_string();
        assert!(refused.contains(&format!("io.shutterd.Error.{code}")), "{refused}");
    }
    assert_eq!(service.status().await.cameras[0].state, CameraState::Closed);
}

/// A polkit that says no.
struct No;

#[zbus::interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl No {
    fn check_authorization(
        &self,
        subject: (String, HashMap<String, OwnedVariant>),
        action: &str,
        _details: HashMap<String, String>,
        flags: u32,
        _cancellation: &str,
    ) -> (bool, bool, HashMap<String, String>) {
        assert_eq!(subject.0, "system-bus-name");
        assert!(["io.shutterd.start", "io.shutterd.stop"].contains(&action), "{action}");
        assert!(subject.1.contains_key("name"), "{subject:?}");
        assert_eq!(flags, 0, "nobody is asked who did not say that he may be");
        (false, false, HashMap::new())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_a_polkit_its_word_counts() {
    let bus = Bus::start();
    let authority = bus.connect().name("org.freedesktop.PolicyKit1");
    let authority = authority.serve_at("/org/freedesktop/PolicyKit1/Authority", No);
    let _authority = authority.build().await.unwrap();
    let (service, manager) = on_a_bus(&bus).await;
    let id = session(&service).await;
    let started = manager.start("head", &offer("h264")).await.map(|_| ());
    for refused in [started, manager.stop(&id).await, manager.stop_all().await] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("io.shutterd.Error.NotAuthorized"), "{refused}");
    }
    assert_eq!(manager.sessions().await.unwrap().len(), 1, "it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_goes_away_takes_nothing_with_it() {
    let bus = Bus::start();
    let (mut service, _manager) = on_a_bus(&bus).await;
    drop(bus);
    service.wait_for_log("the system bus is not served");
    session(&service).await;
}
