// SPDX-License-Identifier: MIT OR Apache-2.0
//! The release oracle: looks at one camera until it is seen closed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep_until};

use super::holders::{Hidden, holders};
use super::led::{Led, LedOwner};
use super::node::{DeviceNumber, Node};
use super::observation::{Answer, Evidence, Observation, Verdict};
use super::power::Power;
use super::roots::Roots;
use super::topology::Topology;
use super::v4l2;
use super::witness::Witness;
use crate::config;
use crate::lifecycle::{Fault, FaultCode};

/// How long a look may take: a driver powers its camera up to answer, one that hangs never does.
const ANSWER: Duration = Duration::from_secs(2);
/// No attribute of LED or power can be waited for: they are read again, later and later.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// For a camera that was asked something to come to rest again.
const AT_REST: Duration = Duration::from_millis(400);

/// What can be seen of one camera from outside, whoever has it open.
#[derive(Debug)]
pub struct Shutter {
    camera: String,
    device: Option<PathBuf>,
    led: config::Led,
    roots: Roots,
    /// Asks the driver; another one in tests, for want of a camera.
    pub(crate) probe: fn(&Path) -> Result<(), Fault>,
    driver: Witness,
    system: Witness,
    known: Mutex<Known>,
}

/// What earlier looks have taught.
#[derive(Debug, Default)]
struct Known {
    /// Who switches the LED of that name.
    owner: Option<(String, LedOwner)>,
    /// The devices that have been seen suspended.
    rested: BTreeSet<String>,
    last: Option<Observation>,
}

/// What the system shows beside the driver.
#[derive(Debug, Default)]
struct Surroundings {
    evidence: Evidence,
    led: Option<Led>,
}

impl Shutter {
    /// Of `camera`, seen through `roots`. Nothing is looked at yet.
    pub fn new(camera: &config::Camera, roots: Roots) -> Self {
        Self {
            camera: camera.name.clone(),
            device: camera.device.clone(),
            led: camera.led.clone(),
            roots,
            probe: v4l2::probe,
            driver: Witness::default(),
            system: Witness::default(),
            known: Mutex::default(),
        }
    }

    /// Looks until the camera is closed, for at most `time`; the last look counts. Each look takes
    /// milliseconds, or two seconds when a driver hangs. A board without a node has a camera that
    /// nobody can hold.
    ///
    /// Cancel-safe. The looks run on threads of their own: a driver that blocks an open blocks only
    /// such a thread.
    pub async fn await_closed(&self, time: Duration) -> Observation {
        let deadline = Instant::now() + time;
        let mut pause = FIRST_PAUSE;
        loop {
            let (seen, _) = self.look(time).await;
            self.known().last = Some(seen.clone());
            if seen.is_closed() || Instant::now() >= deadline {
                return seen;
            }
            sleep_until(deadline.min(Instant::now() + pause)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// For the service's start, when nothing of ours is open: finds out who switches the LED, and
    /// says in the log what can be seen and what it is worth. Before that is known, no look of it
    /// is the last one.
    pub async fn survey(&self) -> Observation {
        let (mut seen, led) = self.look(Duration::ZERO).await;
        if let Some(led) = led.filter(|_| seen.is_closed()) {
            let name = led.name().to_owned();
            let owner = self.system.ask(ANSWER, move || led.owner()).await;
            self.known().owner = Some((name, owner.unwrap_or(LedOwner::Unknown)));
            seen = self.await_closed(AT_REST).await;
        }
        self.known().last = Some(seen.clone());
        self.report(&seen);
        seen
    }

    /// The last look.
    pub fn last(&self) -> Option<Observation> {
        self.known().last.clone()
    }

    async fn look(&self, time: Duration) -> (Observation, Option<Led>) {
        let (evidence, led) = match &self.device {
            Some(device) => self.evidence(device, time).await,
            None => (Evidence::default(), None),
        };
        let at = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        (Observation { verdict: evidence.verdict(time), at, evidence }, led)
    }

    /// The driver is asked last, for an open powers many a camera up; and it is not asked while a
    /// camera that nobody has does not come to rest.
    async fn evidence(&self, device: &Path, time: Duration) -> (Evidence, Option<Led>) {
        let (roots, choice, path) = (self.roots.clone(), self.led.clone(), device.to_owned());
        let looking = self.system.ask(ANSWER, move || surroundings(&roots, &path, &choice));
        let Surroundings { mut evidence, led } = looking.await.unwrap_or_else(|| {
            let blind = Some("the system's own files do not answer".to_owned());
            let evidence = Evidence { blind, ..Evidence::default() };
            Surroundings { evidence, led: None }
        });
        self.learn(&mut evidence);
        if matches!(evidence.verdict(time), Verdict::Lit | Verdict::Awake) {
            return (evidence, led);
        }
        let (probe, path) = (self.probe, device.to_owned());
        evidence.driver = match self.driver.ask(ANSWER, move || probe(&path)).await {
            Some(Ok(())) => Answer::Free,
            Some(Err(fault)) if fault.code == FaultCode::CameraBusy => Answer::Busy,
            Some(Err(fault)) => Answer::Refused(fault),
            None => Answer::Silent,
        };
        (evidence, led)
    }

    /// Adds what is known from before, and keeps what can be known from now on.
    fn learn(&self, evidence: &mut Evidence) {
        let mut known = self.known();
        if let Some(led) = &mut evidence.led
            && let Some((name, owner)) = &known.owner
            && *name == led.name
        {
            led.owner = *owner;
        }
        if let Some(power) = &mut evidence.power {
            if power.has_rested {
                known.rested.insert(power.device.clone());
            }
            power.has_rested = known.rested.contains(&power.device);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, seen: &Observation) {
        let camera = &self.camera;
        if seen.is_closed() {
            tracing::info!(camera, "the camera is {seen}");
        } else {
            tracing::warn!(camera, "the camera is {seen}, before anything was opened");
        }
        if let Some(led) = &seen.evidence.led {
            let name = &led.name;
            match (led.brightness, led.owner) {
                (None, _) => tracing::warn!(camera, name, "the LED cannot be read"),
                (_, LedOwner::Kernel) => tracing::info!(camera, name, "the kernel's own LED"),
                (_, LedOwner::Userspace) => tracing::warn!(
                    camera,
                    name,
                    "programs may switch this LED: it is shown, but proves nothing"
                ),
                (_, LedOwner::Unknown) => {
                    tracing::info!(camera, name, "who switches this LED cannot be told");
                }
            }
        }
        if let Some(power) = seen.evidence.power.as_ref().filter(|power| !power.has_rested) {
            let device = &power.device;
            tracing::info!(camera, device, "powered while nobody uses it: proves nothing so far");
        }
    }
}

/// Looks at everything but the driver. Blocking.
fn surroundings(roots: &Roots, device: &Path, choice: &config::Led) -> Surroundings {
    let node = Node::find(device).ok().map(|node| node.number);
    let topology = node.and_then(|node| Topology::of(&roots.sys, node));
    let led = Led::find(&roots.sys, choice, topology.as_ref());
    let power = topology.as_ref().and_then(Topology::speaks).and_then(Power::of);
    let seen = led.as_ref().map(|led| led.look(LedOwner::Unknown));
    let mut evidence = Evidence { led: seen, power, ..Evidence::default() };
    if let Some(node) = node {
        let siblings = topology.as_ref().map(Topology::nodes).unwrap_or_default();
        hold(roots, node, &siblings, &mut evidence);
    }
    Surroundings { evidence, led }
}

fn hold(roots: &Roots, node: DeviceNumber, siblings: &[DeviceNumber], evidence: &mut Evidence) {
    match holders(&roots.proc, node, siblings) {
        Ok(found) => {
            evidence.holders = found.seen;
            evidence.beside = found.beside;
            evidence.hidden = found.hidden;
        }
        Err(error) => {
            let proc = roots.proc.display();
            evidence.blind = Some(format!("cannot look through {proc}: {error}"));
            evidence.hidden = Hidden::default();
        }
    }
}
