// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was seen of a camera, and what follows from it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::holders::{Hidden, Holder};
use super::led::LedSeen;
use super::power::Power;
use crate::lifecycle::{Fault, FaultCode};

/// Everything that was seen in one look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What the driver said.
    pub driver: Answer,
    /// The processes that have the node open.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub holders: Vec<Holder>,
    /// Those that have only another node of the same camera open. While there are any, LED and
    /// power may be theirs.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub beside: Vec<Holder>,
    /// What could not be seen.
    pub hidden: Hidden,
    /// Why the system could not be looked at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blind: Option<String>,
    /// The privacy LED, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub led: Option<LedSeen>,
    /// What powers the camera: its sensor, or its only device; where it has something to say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub power: Option<Power>,
}

/// What a driver said when it was asked whether somebody else could stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It was not asked: there is no node, or light and power were reason enough.
    #[default]
    Unasked,
    /// Somebody else could.
    Free,
    /// Somebody owns its buffers.
    Busy,
    /// The node cannot be used.
    Refused(Fault),
    /// Nothing, in the time that it had.
    Silent,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nobody has the node open, its driver would let somebody stream, and neither LED nor power
    /// say otherwise.
    Closed,
    /// The same, as far as this user may see.
    ClosedAsSeen,
    /// There is no usable node, so nobody can have it open.
    Absent,
    /// Somebody has it.
    Held,
    /// Nobody is seen to have it, but its LED is on.
    Lit,
    /// Nobody is seen to have it, but it is powered.
    Awake,
    /// It could not be seen.
    Unknown,
}

/// A look at a camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// What follows from it.
    pub verdict: Verdict,
    /// When it was, RFC 3339 in UTC.
    pub at: String,
    /// What was seen.
    #[serde(flatten)]
    pub evidence: Evidence,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Verdict; 7] = [
        Verdict::Closed,
        Verdict::ClosedAsSeen,
        Verdict::Absent,
        Verdict::Held,
        Verdict::Lit,
        Verdict::Awake,
        Verdict::Unknown,
    ];
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Verdict::Closed => "closed",
            Verdict::ClosedAsSeen => "closed-as-seen",
            Verdict::Absent => "absent",
            Verdict::Held => "held",
            Verdict::Lit => "lit",
            Verdict::Awake => "awake",
            Verdict::Unknown => "unknown",
        })
    }
}

impl Evidence {
    /// What follows, when the camera has had `time` to come to rest.
    ///
    /// A node that is no camera is not ours to judge. Otherwise a holder counts whatever the driver
    /// says: a device that is gone is still held by who has it open.
    pub fn verdict(&self, time: Duration) -> Verdict {
        let not_ours = |fault: &Fault| fault.code == FaultCode::NotACamera;
        match &self.driver {
            Answer::Refused(fault) if not_ours(fault) => return Verdict::Absent,
            _ if !self.holders.is_empty() => return Verdict::Held,
            Answer::Busy => return Verdict::Held,
            Answer::Silent => return Verdict::Unknown,
            _ if self.blind.is_some() => return Verdict::Unknown,
            _ => {}
        }
        if self.beside.is_empty() {
            if self.led.as_ref().is_some_and(LedSeen::tells_of_a_stream) {
                return Verdict::Lit;
            }
            if self.power.as_ref().is_some_and(|power| power.is_awake(time)) {
                return Verdict::Awake;
            }
        }
        match self.driver {
            Answer::Refused(_) => Verdict::Absent,
            _ if !self.hidden.is_nothing() => Verdict::ClosedAsSeen,
            _ => Verdict::Closed,
        }
    }
}

impl Observation {
    /// Whether the camera is closed, present or not.
    pub fn is_closed(&self) -> bool {
        matches!(self.verdict, Verdict::Closed | Verdict::ClosedAsSeen | Verdict::Absent)
    }

    /// Whether somebody may open the camera now.
    ///
    /// # Errors
    /// Why the node cannot be used; `camera-busy` when it is not closed; `camera-error` when that
    /// could not be seen.
    pub fn may_open(&self) -> Result<(), Fault> {
        match (self.verdict, &self.evidence.driver) {
            (Verdict::Absent, Answer::Refused(fault)) => Err(fault.clone()),
            (Verdict::Closed | Verdict::ClosedAsSeen | Verdict::Absent, _) => Ok(()),
            (Verdict::Unknown, _) => Err(Fault::new(FaultCode::CameraError, self.to_string())),
            _ => Err(Fault::new(FaultCode::CameraBusy, self.to_string())),
        }
    }
}

/// As in "the camera is …", with every process by name and number.
impl std::fmt::Display for Observation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seen = &self.evidence;
        match self.verdict {
            Verdict::Closed => f.write_str("closed"),
            Verdict::ClosedAsSeen => write!(f, "closed as far as can be seen ({})", seen.hidden),
            Verdict::Absent => match &seen.driver {
                Answer::Refused(fault) => write!(f, "not usable ({fault})"),
                _ => f.write_str("absent"),
            },
            Verdict::Held if !seen.holders.is_empty() => {
                let names: Vec<String> = seen.holders.iter().map(Holder::to_string).collect();
                write!(f, "held by {}", names.join(", "))
            }
            Verdict::Held if !seen.hidden.is_nothing() => {
                f.write_str("held by a process of another user")
            }
            Verdict::Held => f.write_str(
                "held without a descriptor: its buffers are still mapped, or its driver keeps them",
            ),
            Verdict::Lit => {
                let name = seen.led.as_ref().map_or("", |led| &led.name);
                write!(f, "not held by anybody seen, but its LED `{name}` is on")
            }
            Verdict::Awake => {
                let device = seen.power.as_ref().map_or("", |power| &power.device);
                write!(f, "not held by anybody seen, but `{device}` is still powered")
            }
            Verdict::Unknown => match &seen.blind {
                Some(why) => write!(f, "not known to be closed: {why}"),
                None => f.write_str("not known to be closed: its driver does not answer"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::led::{LedFound, LedOwner};
    use crate::device::power::PowerStatus;
    use crate::device::process::Kin;

    fn free() -> Evidence {
        Evidence { driver: Answer::Free, ..Evidence::default() }
    }

    fn holder(pid: u32, kin: Kin) -> Holder {
        Holder { pid, command: "cheese".into(), kin }
    }

    fn refused(code: FaultCode) -> Answer {
        Answer::Refused(Fault::new(code, "planted"))
    }

    fn led(owner: LedOwner, brightness: u32) -> Option<LedSeen> {
        let (name, found) = ("white:privacy".into(), LedFound::Bound);
        Some(LedSeen { name, found, owner, brightness: Some(brightness) })
    }

    fn power(status: PowerStatus, autosuspend_ms: Option<u32>) -> Option<Power> {
        Some(Power { device: "10-0010".into(), status, autosuspend_ms, has_rested: true })
    }

    fn seen(evidence: Evidence) -> Observation {
        let verdict = evidence.verdict(Duration::from_millis(400));
        Observation { verdict, at: String::new(), evidence }
    }

    fn code(evidence: Evidence) -> Option<FaultCode> {
        seen(evidence).may_open().err().map(|fault| fault.code)
    }

    #[test]
    fn a_camera_is_closed_when_everything_says_so() {
        let evidence = Evidence {
            led: led(LedOwner::Kernel, 0),
            power: power(PowerStatus::Suspended, None),
            ..free()
        };
        assert_eq!(seen(evidence.clone()).to_string(), "closed");
        assert!(seen(evidence.clone()).is_closed());
        assert_eq!(code(evidence), None);
        assert_eq!(seen(Evidence::default()).verdict, Verdict::Closed, "a board without a node");
    }

    #[test]
    fn a_holder_is_named_whatever_the_driver_says() {
        let holders = vec![holder(7, Kin::OwnWorker), holder(8, Kin::Stranger)];
        for driver in [
            Answer::Free,
            Answer::Busy,
            Answer::Silent,
            // Unplugged, and still open somewhere: not closed.
            refused(FaultCode::CameraMissing),
        ] {
            let held = seen(Evidence { driver, holders: holders.clone(), ..Evidence::default() });
            assert_eq!(held.to_string(), "held by our own worker 7 (cheese), cheese (pid 8)");
            assert!(!held.is_closed());
            assert_eq!(held.may_open().unwrap_err().code, FaultCode::CameraBusy);
        }
    }

    #[test]
    fn a_node_that_is_no_camera_is_not_judged_whoever_has_it_open() {
        let driver = refused(FaultCode::NotACamera);
        let holders = vec![holder(7, Kin::Stranger)];
        let evidence = Evidence { driver, holders, led: led(LedOwner::Kernel, 1), ..free() };
        assert_eq!(seen(evidence.clone()).verdict, Verdict::Absent);
        assert_eq!(code(evidence), Some(FaultCode::NotACamera));
    }

    #[test]
    fn a_driver_that_is_busy_is_held_by_somebody() {
        let busy = Evidence { driver: Answer::Busy, ..Evidence::default() };
        assert!(seen(busy.clone()).to_string().starts_with("held without a descriptor"));
        let hidden = Hidden { processes: 3, unlisted: false };
        let busy = seen(Evidence { hidden, ..busy });
        assert_eq!(busy.to_string(), "held by a process of another user");
        assert!(!busy.is_closed());
    }

    #[test]
    fn what_cannot_be_seen_is_said() {
        for hidden in
            [Hidden { processes: 3, unlisted: false }, Hidden { processes: 0, unlisted: true }]
        {
            let look = seen(Evidence { hidden, ..free() });
            assert_eq!(look.verdict, Verdict::ClosedAsSeen);
            assert!(look.is_closed() && look.may_open().is_ok());
        }
        let hidden = Hidden { processes: 3, unlisted: true };
        let text = "closed as far as can be seen (the descriptors of 3 processes are hidden, and \
                    others are not listed)";
        assert_eq!(seen(Evidence { hidden, ..free() }).to_string(), text);
    }

    #[test]
    fn a_look_that_failed_proves_nothing() {
        let silent = Evidence { driver: Answer::Silent, ..Evidence::default() };
        assert!(!seen(silent.clone()).is_closed());
        assert!(seen(silent.clone()).to_string().ends_with("its driver does not answer"));
        assert_eq!(code(silent), Some(FaultCode::CameraError));
        let blind = seen(Evidence { blind: Some("Too many open files".into()), ..free() });
        assert_eq!(blind.verdict, Verdict::Unknown);
        assert_eq!(blind.to_string(), "not known to be closed: Too many open files");
        // What the driver said counts all the same.
        let busy = Evidence { driver: Answer::Busy, ..blind.evidence };
        assert_eq!(seen(busy).verdict, Verdict::Held);
    }

    #[test]
    fn an_led_that_is_on_is_a_reason_of_its_own() {
        let lit = seen(Evidence { led: led(LedOwner::Kernel, 255), ..free() });
        assert_eq!(lit.verdict, Verdict::Lit);
        assert_eq!(lit.may_open().unwrap_err().code, FaultCode::CameraBusy);
        assert!(lit.to_string().ends_with("its LED `white:privacy` is on"), "{lit}");
        // Also when the node is gone: people see the light, not the node.
        let evidence = Evidence { driver: refused(FaultCode::CameraMissing), ..lit.evidence };
        assert_eq!(seen(evidence.clone()).verdict, Verdict::Lit);
        // Somebody else uses the camera by another of its nodes.
        let beside = vec![holder(9, Kin::Stranger)];
        let driver = Answer::Free;
        assert!(seen(Evidence { beside, driver, ..evidence }).is_closed());
        let advice = Evidence { led: led(LedOwner::Userspace, 255), ..free() };
        assert!(seen(advice).is_closed());
    }

    #[test]
    fn a_sensor_that_stays_powered_is_a_reason_of_its_own() {
        let active = power(PowerStatus::Active, None);
        let awake = seen(Evidence { power: active.clone(), ..free() });
        assert_eq!(awake.verdict, Verdict::Awake);
        assert!(awake.to_string().ends_with("`10-0010` is still powered"), "{awake}");
        let beside = vec![holder(9, Kin::Stranger)];
        assert!(seen(Evidence { power: active, beside, ..free() }).is_closed());
        let later = power(PowerStatus::Active, Some(1000));
        assert!(seen(Evidence { power: later, ..free() }).is_closed(), "its time is not over");
    }

    #[test]
    fn a_node_that_cannot_be_used_says_why() {
        for fault in [FaultCode::CameraMissing, FaultCode::CameraForbidden] {
            let absent = Evidence { driver: refused(fault), ..Evidence::default() };
            assert!(seen(absent.clone()).is_closed());
            assert_eq!(code(absent), Some(fault));
        }
    }

    #[test]
    fn an_observation_is_plain_json() {
        let held = seen(Evidence {
            holders: vec![holder(7, Kin::EarlierWorker)],
            led: led(LedOwner::Kernel, 0),
            power: power(PowerStatus::Suspended, Some(1000)),
            ..free()
        });
        let json = serde_json::to_value(&held).unwrap();
        assert_eq!((&json["verdict"], &json["driver"]), (&"held".into(), &"free".into()));
        assert_eq!(json["holders"][0]["kin"], "earlier-worker");
        assert_eq!(json["led"]["owner"], "kernel");
        assert_eq!(json["power"]["status"], "suspended");
        assert_eq!(serde_json::from_value::<Observation>(json).unwrap(), held);
        for verdict in Verdict::ALL {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.to_string());
        }
    }
}
