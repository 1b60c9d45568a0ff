// SPDX-License-Identifier: MIT OR Apache-2.0
//! The privacy LED: which one is the camera's, whether it is on, and who may switch it.
//!
//! The kernel switches an LED with the sensor's stream when the sensor's device tree node has
//! `leds = <&led>` and `led-names = "privacy"` (`privacy-led` to some kernels). It is then the
//! kernel's own: whoever else writes its brightness is refused with EBUSY. An LED that a program
//! may write says what that program thinks, not what the camera does.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::roots::{attribute, entries, name};
use super::topology::{Phandle, Topology, devices, phandles};
use crate::config;

/// What `led-names` calls an LED that shows that the camera streams.
const PRIVACY: [&str; 2] = ["privacy", "privacy-led"];
/// How names of such LEDs end after the last colon; the second is what ACPI cameras have.
const FUNCTIONS: [&str; 2] = ["privacy", "privacy_led"];

/// An LED as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedSeen {
    /// Its name below `/sys/class/leds`.
    pub name: String,
    /// How it was found.
    pub found: LedFound,
    /// From 0, which is off; `None` when it cannot be read.
    pub brightness: Option<u32>,
    /// Who switches it.
    pub owner: LedOwner,
}

/// How a camera's LED was found, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LedFound {
    /// The configuration names it.
    Configured,
    /// The device tree, or the device that it is part of, says whose it is.
    Bound,
    /// It is the only one whose name says privacy, and no device claims it.
    Named,
}

/// Who switches an LED.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LedOwner {
    /// The kernel, and nobody else may.
    Kernel,
    /// Any program that may write the file, or a trigger.
    Userspace,
    /// This user may not write the file, so that it cannot be told.
    Unknown,
}

impl LedSeen {
    /// Whether it is on and that says something about the camera.
    pub fn tells_of_a_stream(&self) -> bool {
        let speaks = match self.owner {
            LedOwner::Kernel => true,
            LedOwner::Userspace => false,
            LedOwner::Unknown => self.found != LedFound::Named,
        };
        speaks && self.brightness.is_some_and(|brightness| brightness > 0)
    }
}

/// A camera's LED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Led {
    directory: PathBuf,
    found: LedFound,
}

impl Led {
    /// The LED that `choice` means. One that is configured need not be there.
    pub(super) fn find(
        sys: &Path,
        choice: &config::Led,
        topology: Option<&Topology>,
    ) -> Option<Self> {
        let class = sys.join("class/leds");
        let (directory, found) = match choice {
            config::Led::None => return None,
            config::Led::Named(name) => (class.join(name), LedFound::Configured),
            config::Led::Auto => bound(sys, &class, topology?)
                .map(|led| (led, LedFound::Bound))
                .or_else(|| Some((named(sys, &class)?, LedFound::Named)))?,
        };
        Some(Self { directory, found })
    }

    pub(super) fn look(&self, owner: LedOwner) -> LedSeen {
        let brightness = attribute(&self.directory.join("brightness"));
        LedSeen {
            name: self.name().to_owned(),
            found: self.found,
            brightness: brightness.and_then(|text| text.parse().ok()),
            owner,
        }
    }

    pub(super) fn name(&self) -> &str {
        name(&self.directory)
    }

    /// Tries to write what the LED says already, which is that it is off. For a moment at which
    /// the camera is closed: the kernel would take a 0 for the end of a trigger, so that an LED
    /// with a trigger is not asked but known.
    pub(super) fn owner(&self) -> LedOwner {
        let trigger = attribute(&self.directory.join("trigger")).unwrap_or_default();
        if trigger.contains('[') && !trigger.contains("[none]") {
            return LedOwner::Userspace;
        }
        if self.look(LedOwner::Unknown).brightness != Some(0) {
            return LedOwner::Unknown;
        }
        let file = fs::OpenOptions::new().write(true).open(self.directory.join("brightness"));
        owner_by(file.and_then(|mut file| file.write_all(b"0")))
    }
}

fn owner_by(written: std::io::Result<()>) -> LedOwner {
    match written {
        Ok(()) => LedOwner::Userspace,
        Err(error) if error.kind() == ErrorKind::ResourceBusy => LedOwner::Kernel,
        Err(_) => LedOwner::Unknown,
    }
}

/// The LED that the tree gives to the sensor or to the device of the node, or one that is part of
/// such a device and named so.
fn bound(sys: &Path, class: &Path, topology: &Topology) -> Option<PathBuf> {
    let behind = || topology.sensor().into_iter().chain([topology.device.as_path()]);
    // One that several cameras share goes out with the first that stops.
    let own = |phandle: &Phandle| claimants(sys, *phandle) <= 1;
    let wanted: Vec<Phandle> = behind().filter_map(privacy).filter(own).collect();
    let by_tree = entries(class).find(|led| phandle(sys, led).is_some_and(|p| wanted.contains(&p)));
    by_tree.or_else(|| {
        let part =
            behind().flat_map(|device| entries(&device.join("leds"))).find(|led| says_privacy(led));
        Some(class.join(name(&part?)))
    })
}

/// The only LED whose name says privacy, unless the tree gives it to some device: if to this
/// camera's it has been found, else it is another camera's.
fn named(sys: &Path, class: &Path) -> Option<PathBuf> {
    let mut leds = entries(class).filter(|led| says_privacy(led));
    let led = leds.next().filter(|_| leds.next().is_none())?;
    let claimed = phandle(sys, &led).is_some_and(|phandle| claimants(sys, phandle) > 0);
    (!claimed).then_some(led)
}

/// How many devices the tree gives an LED to.
fn claimants(sys: &Path, led: Phandle) -> usize {
    let claims = |device: &PathBuf| phandles(&device.join("of_node/leds")).contains(&led);
    devices(sys).filter(claims).count()
}

fn says_privacy(led: &Path) -> bool {
    name(led).rsplit(':').next().is_some_and(|function| FUNCTIONS.contains(&function))
}

/// The LED that a device's tree node calls its privacy LED.
fn privacy(device: &Path) -> Option<Phandle> {
    let names = fs::read(device.join("of_node/led-names")).ok()?;
    let is_privacy = |name: &[u8]| PRIVACY.iter().any(|privacy| privacy.as_bytes() == name);
    let index = names.split(|byte| *byte == 0).position(is_privacy)?;
    phandles(&device.join("of_node/leds")).get(index).copied()
}

/// By which reference the tree knows an LED. LEDs get their tree node too late for a link in
/// sysfs; their uevent names it.
fn phandle(sys: &Path, led: &Path) -> Option<Phandle> {
    let uevent = attribute(&led.join("uevent"))?;
    let node = uevent.lines().find_map(|line| line.strip_prefix("OF_FULLNAME=/"))?;
    let property = sys.join("firmware/devicetree/base").join(node).join("phandle");
    phandles(&property).first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fake::Fake;
    use crate::device::node::DeviceNumber;

    const NODE: DeviceNumber = DeviceNumber { major: 81, minor: 0 };

    /// A board with a camera and an LED that nobody claims.
    fn board() -> Fake {
        let fake = Fake::new();
        fake.camera(NODE);
        fake.led("white:indicator", 0x40, "0");
        fake
    }

    fn find(fake: &Fake, choice: &config::Led) -> Option<(String, LedFound)> {
        let sys = fake.roots().sys;
        let led = Led::find(&sys, choice, Topology::of(&sys, NODE).as_ref())?;
        Some((led.name().to_owned(), led.found))
    }

    fn auto(fake: &Fake) -> Option<(String, LedFound)> {
        find(fake, &config::Led::Auto)
    }

    fn bound_to(name: &str) -> Option<(String, LedFound)> {
        Some((name.to_owned(), LedFound::Bound))
    }

    #[test]
    fn the_tree_says_which_led_is_the_sensors() {
        let fake = board();
        assert_eq!(auto(&fake), None, "there is no sign that it is the camera's");
        fake.binding("10-0010", &[0x40], "privacy\0");
        assert_eq!(auto(&fake), bound_to("white:indicator"));
        // As some kernels have it, beside a flash.
        fake.led("white:flash", 0x41, "0");
        fake.binding("10-0010", &[0x41, 0x40], "flash\0privacy-led\0");
        assert_eq!(auto(&fake), bound_to("white:indicator"));
        fake.part("i2c", "11-0010", &[]);
        fake.binding("11-0010", &[0x40], "privacy\0");
        assert_eq!(auto(&fake), None, "two cameras share it");
        fake.binding("11-0010", &[], "");
        // A binding without names: the kernel does not take it for a privacy LED.
        fake.binding("10-0010", &[0x40], "");
        assert_eq!(auto(&fake), None);
        // Names without LEDs.
        fake.binding("10-0010", &[], "privacy\0");
        assert_eq!(auto(&fake), None);
    }

    #[test]
    fn a_bridge_may_have_it_and_a_device_may_contain_it() {
        let fake = board();
        fake.binding("bridge", &[0x40], "privacy\0");
        assert_eq!(auto(&fake), bound_to("white:indicator"));
        let fake = board();
        fake.write("sys/devices/bridge/leds/x:flash/brightness", "0\n");
        assert_eq!(auto(&fake), None);
        fake.write("sys/devices/bridge/leds/x::privacy/brightness", "0\n");
        assert_eq!(auto(&fake), bound_to("x::privacy"));
    }

    #[test]
    fn the_only_led_that_says_privacy_is_taken_unless_a_device_claims_it() {
        let fake = board();
        fake.led("red:privacy", 0x42, "0");
        assert_eq!(auto(&fake), Some(("red:privacy".into(), LedFound::Named)));
        fake.part("i2c", "11-0010", &[]);
        fake.binding("11-0010", &[0x42], "privacy\0");
        assert_eq!(auto(&fake), None, "it is another camera's");
        let fake = board();
        fake.led("red:privacy", 0x42, "0");
        fake.led("OVTI2740_00::privacy_led", 0x43, "0");
        assert_eq!(auto(&fake), None, "there are two");
    }

    #[test]
    fn the_configuration_has_the_last_word() {
        let fake = board();
        fake.binding("10-0010", &[0x40], "privacy\0");
        assert_eq!(find(&fake, &config::Led::None), None);
        let named = config::Led::Named("x".into());
        assert_eq!(find(&fake, &named), Some(("x".into(), LedFound::Configured)));
        let led = Led::find(&fake.roots().sys, &named, None).unwrap();
        assert_eq!(led.look(LedOwner::Unknown).brightness, None, "it is not there");
        assert_eq!(led.owner(), LedOwner::Unknown);
    }

    #[test]
    fn who_owns_an_led_is_told_by_a_write_that_changes_nothing() {
        assert_eq!(owner_by(Err(ErrorKind::ResourceBusy.into())), LedOwner::Kernel);
        assert_eq!(owner_by(Err(ErrorKind::PermissionDenied.into())), LedOwner::Unknown);
        let fake = board();
        let led = Led::find(&fake.roots().sys, &config::Led::Named("white:indicator".into()), None);
        let led = led.unwrap();
        assert_eq!(led.owner(), LedOwner::Userspace);
        fake.mode("sys/class/leds/white:indicator/brightness", 0o444);
        assert_eq!(fake.unprivileged(|| led.owner()), LedOwner::Unknown);
        fake.mode("sys/class/leds/white:indicator/brightness", 0o644);
        // Lit: it is not written.
        fake.write("sys/class/leds/white:indicator/brightness", "255\n");
        assert_eq!(led.owner(), LedOwner::Unknown);
        assert_eq!(led.look(LedOwner::Unknown).brightness, Some(255));
        // A write of 0 would end its trigger.
        fake.led("white:indicator", 0x40, "0");
        fake.write("sys/class/leds/white:indicator/trigger", "none [heartbeat] timer\n");
        fake.mode("sys/class/leds/white:indicator/brightness", 0o000);
        assert_eq!(fake.unprivileged(|| led.owner()), LedOwner::Userspace);
    }

    #[test]
    fn a_led_tells_of_a_stream_when_its_owner_is_the_kernel() {
        let tells = |found, owner, brightness| {
            LedSeen { name: "x".into(), found, owner, brightness }.tells_of_a_stream()
        };
        for found in [LedFound::Configured, LedFound::Bound, LedFound::Named] {
            assert!(tells(found, LedOwner::Kernel, Some(1)));
            assert!(!tells(found, LedOwner::Kernel, Some(0)));
            assert!(!tells(found, LedOwner::Kernel, None));
            assert!(!tells(found, LedOwner::Userspace, Some(1)));
            assert_eq!(tells(found, LedOwner::Unknown, Some(1)), found != LedFound::Named);
        }
    }

    #[test]
    fn garbage_is_no_brightness() {
        let fake = board();
        for garbage in ["", "-1", "on", "99999999999"] {
            fake.led("white:indicator", 0x40, garbage);
            let choice = config::Led::Named("white:indicator".into());
            let led = Led::find(&fake.roots().sys, &choice, None).unwrap();
            assert_eq!(led.look(LedOwner::Unknown).brightness, None, "{garbage}");
        }
    }
}
