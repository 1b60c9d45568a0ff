// SPDX-License-Identifier: MIT OR Apache-2.0
//! The oracle as a whole, on trees of its own and on the real system; the driver is a stand-in.

use std::path::Path;
use std::time::Duration;

use super::fake::Fake;
use super::led::LedOwner;
use super::node::DeviceNumber;
use super::{Answer, Evidence, Roots, Shutter, Verdict, v4l2};
use crate::config::Config;
use crate::lifecycle::{Fault, FaultCode};

const NODE: DeviceNumber = DeviceNumber { major: 1, minor: 3 };
const LED: &str = "sys/class/leds/white:indicator/brightness";
const SENSOR: &str = "bus/i2c/devices/10-0010";
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(20);

/// A board whose camera is `/dev/null`, with an LED that is bound to its sensor, and at rest.
fn board() -> Fake {
    let fake = Fake::new();
    fake.camera(NODE);
    fake.led("white:indicator", 0x40, "0");
    fake.binding("10-0010", &[0x40], "privacy\0");
    fake.power(SENSOR, "suspended", "auto", "");
    fake
}

fn shutter(roots: Roots, device: &str, probe: fn(&Path) -> Result<(), Fault>) -> Shutter {
    let board = "board = \"v4l2-software\"";
    let text = format!("[[camera]]\nname = \"head\"\n{board}\ndevice = {device:?}\n");
    let config = Config::from_text(&text).unwrap();
    let mut shutter = Shutter::new(&config.cameras[0], roots);
    shutter.probe = probe;
    shutter
}

fn on(fake: &Fake) -> Shutter {
    shutter(fake.roots(), "/dev/null", |_| Ok(()))
}

async fn verdict(shutter: &Shutter) -> Verdict {
    shutter.await_closed(Duration::ZERO).await.verdict
}

/// Waits until a look of the shutter has come to `verdict`.
async fn seen(shutter: &Shutter, verdict: Verdict) {
    while shutter.last().is_none_or(|last| last.verdict != verdict) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_camera_at_rest_is_closed_and_everything_is_in_evidence() {
    let seen = on(&board()).await_closed(LONG).await;
    assert_eq!(seen.verdict, Verdict::Closed, "{seen:?}");
    assert_eq!(seen.evidence.driver, Answer::Free);
    assert_eq!(seen.evidence.led.unwrap().brightness, Some(0));
    assert_eq!(seen.evidence.power.unwrap().device, "10-0010");
}

#[tokio::test]
async fn boards_without_a_node_and_nodes_that_are_not_there_are_closed() {
    let demo = Config::from_text("[[camera]]\nname = \"a\"\nboard = \"demo\"\n").unwrap();
    let seen = Shutter::new(&demo.cameras[0], Roots::default()).await_closed(LONG).await;
    assert_eq!((seen.verdict, seen.evidence), (Verdict::Closed, Evidence::default()));
    let missing = shutter(Roots::default(), "/dev/video-that-is-not-there", v4l2::probe);
    let seen = missing.await_closed(LONG).await;
    assert_eq!(seen.may_open().unwrap_err().code, FaultCode::CameraMissing);
    let null = shutter(Roots::default(), "/dev/null", v4l2::probe).await_closed(LONG).await;
    assert_eq!(null.may_open().unwrap_err().code, FaultCode::NotACamera);
}

#[tokio::test]
async fn a_light_that_goes_out_in_time_is_waited_for() {
    let fake = board();
    fake.write(LED, "255\n");
    let shutter = on(&fake);
    let (seen, ()) = tokio::join!(shutter.await_closed(LONG), async {
        seen(&shutter, Verdict::Lit).await;
        fake.write(LED, "0\n");
    });
    assert_eq!(seen.verdict, Verdict::Closed);
    fake.write(LED, "255\n");
    assert_eq!(shutter.await_closed(SHORT).await.verdict, Verdict::Lit);
}

#[tokio::test]
async fn a_camera_that_shows_a_light_is_not_woken_by_a_question() {
    let fake = board();
    let busy = |_: &Path| Err(Fault::new(FaultCode::CameraBusy, "planted"));
    let shutter = shutter(fake.roots(), "/dev/null", busy);
    assert_eq!(verdict(&shutter).await, Verdict::Held);
    fake.write(LED, "255\n");
    let seen = shutter.await_closed(Duration::ZERO).await;
    assert_eq!((seen.verdict, seen.evidence.driver), (Verdict::Lit, Answer::Unasked));
}

#[tokio::test]
async fn a_sensor_that_rested_before_must_rest_again() {
    let fake = board();
    let shutter = on(&fake);
    fake.power(SENSOR, "active", "auto", "");
    assert_eq!(verdict(&shutter).await, Verdict::Closed, "it may never rest");
    fake.power(SENSOR, "suspended", "auto", "");
    assert_eq!(verdict(&shutter).await, Verdict::Closed);
    fake.power(SENSOR, "active", "auto", "");
    assert_eq!(verdict(&shutter).await, Verdict::Awake);
    let (last, ()) = tokio::join!(shutter.await_closed(LONG), async {
        fake.power(SENSOR, "suspended", "auto", "");
    });
    assert_eq!(last.verdict, Verdict::Closed);
    fake.power(SENSOR, "active", "on", "");
    assert_eq!(verdict(&shutter).await, Verdict::Closed, "it was told to stay on");
}

#[tokio::test]
async fn holders_are_told_apart() {
    let fake = board();
    fake.process(40, std::process::id(), "shutter-media", "/x/shutter-media");
    fake.descriptor(40, 5, "/dev/null");
    fake.process(50, 1, "shutter-media", "/x/shutter-media");
    fake.descriptor(50, 5, "/dev/null");
    fake.process(60, 1, "cheese", "/usr/bin/cheese");
    fake.descriptor(60, 5, "/dev/null");
    let seen = on(&fake).await_closed(SHORT).await;
    assert_eq!(
        seen.to_string(),
        "held by our own worker 40 (shutter-media), a worker of an earlier run, shutter-media \
         (pid 50), cheese (pid 60)"
    );
}

#[tokio::test]
async fn whoever_uses_the_camera_by_another_node_may_light_it() {
    let fake = board();
    let shutter = on(&fake);
    assert_eq!(verdict(&shutter).await, Verdict::Closed);
    fake.write(LED, "255\n");
    fake.power(SENSOR, "active", "auto", "");
    fake.process(60, 1, "cheese", "/usr/bin/cheese");
    fake.descriptor(60, 5, "/dev/zero"); // the bridge's second node
    let seen = shutter.await_closed(Duration::ZERO).await;
    assert_eq!((seen.verdict, seen.evidence.beside[0].pid), (Verdict::Closed, 60));
}

#[tokio::test]
async fn a_survey_finds_out_whose_the_light_is() {
    let fake = board();
    let shutter = on(&fake);
    assert_eq!(shutter.survey().await.evidence.led.unwrap().owner, LedOwner::Userspace);
    fake.write(LED, "255\n");
    assert_eq!(verdict(&shutter).await, Verdict::Closed, "a program's word proves nothing");
}

#[tokio::test]
async fn no_look_of_a_survey_is_shown_before_it_is_known_whose_the_light_is() {
    let fake = board();
    let shutter = on(&fake);
    let shown = async {
        loop {
            if let Some(seen) = shutter.last() {
                return seen;
            }
            tokio::task::yield_now().await;
        }
    };
    let (_, shown) = tokio::join!(shutter.survey(), shown);
    assert_eq!(shown.evidence.led.unwrap().owner, LedOwner::Userspace);
}

#[tokio::test]
async fn a_survey_writes_to_no_light_that_is_on_and_to_none_of_a_camera_in_use() {
    let fake = board();
    fake.write(LED, "255\n");
    let seen = on(&fake).survey().await;
    assert_eq!((seen.verdict, seen.evidence.led.unwrap().owner), (Verdict::Lit, LedOwner::Unknown));
    assert_eq!(std::fs::read_to_string(fake.path(LED)).unwrap(), "255\n");

    let fake = board();
    fake.process(60, 1, "cheese", "/usr/bin/cheese");
    fake.descriptor(60, 5, "/dev/null");
    let seen = on(&fake).survey().await;
    assert_eq!(
        (seen.verdict, seen.evidence.led.unwrap().owner),
        (Verdict::Held, LedOwner::Unknown)
    );
}

#[test]
fn a_driver_that_hangs_does_not_keep_its_holders_name() {
    let hang = |_: &Path| loop {
        std::thread::park();
    };
    let fake = board();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let shutter = shutter(fake.roots(), "/dev/null", hang);
        assert_eq!(verdict(&shutter).await, Verdict::Unknown);
        fake.process(60, 1, "cheese", "/usr/bin/cheese");
        fake.descriptor(60, 5, "/dev/null");
        tokio::select! {
            closed = shutter.await_closed(LONG) => panic!("{closed}"),
            () = seen(&shutter, Verdict::Held) => {}
        }
        let held = shutter.last().unwrap();
        assert_eq!(held.to_string(), "held by cheese (pid 60)");
        assert_eq!(held.evidence.driver, Answer::Silent);
    });
    runtime.shutdown_background(); // the thread hangs for ever
}

#[tokio::test]
async fn a_system_that_cannot_be_looked_at_is_not_closed() {
    let fake = board();
    fake.write("proc/70/fd", "not a directory");
    let seen = on(&fake).await_closed(SHORT).await;
    assert_eq!(seen.verdict, Verdict::Unknown);
    assert!(seen.to_string().contains("cannot look through"), "{seen}");
}

#[tokio::test]
async fn a_process_of_the_real_system_is_seen_to_hold_and_to_let_go() {
    // A terminal of our own: a character device that nobody else holds.
    let controller = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).unwrap();
    rustix::pty::unlockpt(&controller).unwrap();
    let name = rustix::pty::ptsname(&controller, Vec::new()).unwrap();
    let path = name.to_str().unwrap();
    let shutter = shutter(Roots::default(), path, |_| Ok(()));
    assert!(shutter.await_closed(Duration::ZERO).await.is_closed());
    let mut child = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .stdout(std::fs::File::options().write(true).open(path).unwrap())
        .spawn()
        .unwrap();
    let held = shutter.await_closed(Duration::ZERO).await;
    assert_eq!(held.to_string(), format!("held by our own worker {} (cat)", child.id()));
    let (seen, ()) = tokio::join!(shutter.await_closed(LONG), async {
        seen(&shutter, Verdict::Held).await;
        drop(child.stdin.take());
        child.wait().unwrap();
    });
    assert!(seen.is_closed(), "{seen}");
}
