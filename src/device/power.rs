// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a device is powered, as the kernel's runtime power management has it. Only read.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::roots::{attribute, name};

/// What a device says of its power.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Power {
    /// Its name in sysfs.
    pub device: String,
    /// How it stands.
    pub status: PowerStatus,
    /// How long it stays powered after its last use, milliseconds; absent: no longer at all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub autosuspend_ms: Option<u32>,
    /// Whether this service has seen it suspended before. Some drivers never let go: what is
    /// always active says nothing.
    pub has_rested: bool,
}

/// `runtime_status`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the kernel's words
pub enum PowerStatus {
    Active,
    Resuming,
    Suspending,
    Suspended,
}

impl Power {
    /// `None` when it has nothing to say: the device has no runtime power management, it is
    /// switched off, failed, or is told to stay on.
    pub(super) fn of(device: &Path) -> Option<Self> {
        let read = |file: &str| attribute(&device.join("power").join(file));
        let status = match read("runtime_status")?.as_str() {
            "active" => PowerStatus::Active,
            "resuming" => PowerStatus::Resuming,
            "suspending" => PowerStatus::Suspending,
            "suspended" => PowerStatus::Suspended,
            _ => return None,
        };
        if read("control").is_some_and(|control| control == "on") {
            return None;
        }
        // The attribute cannot be read where a device suspends at once; below zero it never does.
        let autosuspend_ms = match read("autosuspend_delay_ms").map(|delay| delay.parse::<i64>()) {
            None | Some(Err(_)) => None,
            Some(Ok(delay)) => Some(u32::try_from(delay).ok()?),
        };
        let device = name(device).to_owned();
        let has_rested = status == PowerStatus::Suspended;
        Some(Self { device, status, autosuspend_ms, has_rested })
    }

    /// Whether it is powered though it has had `time` to rest since its last use.
    pub(super) fn is_awake(&self, time: Duration) -> bool {
        let due = Duration::from_millis(self.autosuspend_ms.unwrap_or(0).into());
        // Its own delay is only the beginning of its suspending.
        let had_time = self.autosuspend_ms.is_none() || due * 2 <= time;
        self.status != PowerStatus::Suspended && self.has_rested && had_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fake::Fake;

    fn power(status: &str, control: &str, autosuspend: &str) -> Option<Power> {
        let fake = Fake::new();
        fake.power("devices/10-0010", status, control, autosuspend);
        Power::of(&fake.path("sys/devices/10-0010"))
    }

    #[test]
    fn a_device_says_how_it_stands() {
        let seen = power("suspended", "auto", "1000\n").unwrap();
        assert_eq!((seen.device.as_str(), seen.status), ("10-0010", PowerStatus::Suspended));
        assert_eq!((seen.autosuspend_ms, seen.has_rested), (Some(1000), true));
        let seen = power("active", "auto", "").unwrap();
        assert_eq!(seen.status, PowerStatus::Active);
        assert_eq!((seen.autosuspend_ms, seen.has_rested), (None, false));
    }

    #[test]
    fn what_says_nothing_is_no_evidence() {
        for status in ["unsupported", "error", "", "actively"] {
            assert_eq!(power(status, "auto", ""), None, "{status}");
        }
        assert_eq!(power("active", "on", ""), None, "told to stay on");
        assert_eq!(power("active", "auto", "-1\n"), None, "never suspends");
        assert_eq!(Power::of(Path::new("/nowhere")), None);
    }

    #[test]
    fn a_device_is_awake_when_it_rested_before_and_had_the_time() {
        let awake = |status: &str, delay: &str, has_rested, ms| {
            let power = Power { has_rested, ..power(status, "auto", delay).unwrap() };
            power.is_awake(Duration::from_millis(ms))
        };
        assert!(awake("active", "", true, 0));
        assert!(awake("resuming", "", true, 0));
        assert!(awake("suspending", "", true, 0), "not yet");
        assert!(!awake("suspended", "", true, 0));
        assert!(!awake("active", "", false, 0), "it never rests");
        assert!(!awake("active", "1000\n", true, 400), "it still may be");
        assert!(awake("active", "200\n", true, 400));
    }
}
