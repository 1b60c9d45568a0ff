// SPDX-License-Identifier: MIT OR Apache-2.0
//! `[[switch]]`: the lens covers, privacy switches and wear sensors that keep cameras closed.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use evdev::{KeyCode, SwitchCode};

use super::cameras::duplicates;
use super::document::Table;
use super::model::Camera;
use super::report::{Place, Report};
use super::schema::{Value, written};
use crate::lifecycle::StopReason;

/// A switch or a key of an input device, and what it means for cameras.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Its name in the log and in what a refused start says.
    pub name: String,
    /// What it means when it shuts.
    pub means: Means,
    /// The input device. `None`: every one that has the event.
    pub device: Option<PathBuf>,
    /// Which of the device's switches or keys.
    pub event: InputCode,
    /// When it shuts.
    pub shut: ShutWhen,
    /// How long it must have been so before the cameras are closed, up to an hour.
    pub delay: Duration,
    /// The cameras that it concerns. Empty: every one.
    pub cameras: Vec<String>,
}

/// What a switch means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The cover of a lens.
    LensCover,
    /// Nobody may see.
    Privacy,
    /// Whether the headset is worn.
    Worn,
}

/// Which state of a switch or key means shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutWhen {
    /// On, or held down.
    On,
    /// Off, or let go.
    Off,
    /// Each press of the key turns it over; open at first.
    Toggle,
}

/// A switch or key as `linux/input-event-codes.h` numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputCode {
    /// `SW_…`
    Switch(u16),
    /// `KEY_…` or `BTN_…`
    Key(u16),
}

impl FromStr for InputCode {
    type Err = String;

    /// By the kernel's name, or by its number behind `SW_` or `KEY_` where the name is too new.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |prefix| text.strip_prefix(prefix)?.parse::<u16>().ok();
        let switch = SwitchCode::from_str(text).map(|code| code.0).ok();
        let key = KeyCode::from_str(text).map(|code| code.0).ok();
        let switch = switch.or(number("SW_").filter(|code| *code < 0x20));
        let key = key.or(number("KEY_").filter(|code| *code < 0x300));
        let found = switch.map(Self::Switch).or(key.map(Self::Key));
        found.ok_or_else(|| format!("`{text}` is no switch or key of the kernel"))
    }
}

impl std::fmt::Display for InputCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            InputCode::Switch(code) => write!(f, "{:?}", SwitchCode(*code)),
            InputCode::Key(code) => write!(f, "{:?}", KeyCode(*code)),
        }
    }
}

impl Means {
    /// What the sessions that it ends say.
    pub fn reason(self) -> StopReason {
        match self {
            Means::LensCover => StopReason::LensCover,
            Means::Privacy => StopReason::PrivacySwitch,
            Means::Worn => StopReason::Doffed,
        }
    }

    /// What is the matter while it shuts.
    pub fn state(self) -> &'static str {
        match self {
            Means::LensCover => "the lens cover is shut",
            Means::Privacy => "the privacy switch is on",
            Means::Worn => "the headset is not worn",
        }
    }
}

/// Every switch. Where nobody wrote one, the lens covers of whatever device has one.
pub(super) fn all(tables: &[Table], cameras: &[Camera], report: &mut Report) -> Vec<Switch> {
    let tables: Vec<&Table> = tables.iter().filter(|table| table.section == "switch").collect();
    if tables.is_empty() {
        let mut table = Table::new("switch", Place::BuiltIn);
        table.insert("name", Value::Text("lens-cover".to_owned()), Place::BuiltIn);
        return switch(&table, cameras, report).into_iter().collect();
    }
    duplicates(&tables, "name", report);
    tables.into_iter().filter_map(|table| switch(table, cameras, report)).collect()
}

/// `None` only when something was reported.
fn switch(table: &Table, cameras: &[Camera], report: &mut Report) -> Option<Switch> {
    let text = |key: &str| match &table.get(key)?.value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    };
    if !table.has("name") {
        let instead = "write the switch's name, as in `name = \"lens-cover\"`";
        report.add(&table.place, "switch.name", "is missing", instead);
    }
    let means = match text("means") {
        Some("privacy") => Means::Privacy,
        Some("worn") => Means::Worn,
        _ => Means::LensCover,
    };
    let event = match (text("event"), means) {
        (Some(event), _) => event.parse().ok(),
        (None, Means::LensCover) => Some(InputCode::Switch(SwitchCode::SW_CAMERA_LENS_COVER.0)),
        (None, _) => {
            if !table.has("event") {
                let instead = "write the kernel's name of the switch or key; `evtest` shows it";
                report.add(&table.place, "switch.event", "is missing", instead);
            }
            None
        }
    };
    let shut = match text("shut") {
        Some("on") => ShutWhen::On,
        Some("off") => ShutWhen::Off,
        Some("toggle") => ShutWhen::Toggle,
        _ if means == Means::Worn => ShutWhen::Off,
        _ => ShutWhen::On,
    };
    if let (ShutWhen::Toggle, Some(InputCode::Switch(_))) = (shut, event) {
        let wrong = "a switch stays where it is put, and `toggle` is for keys";
        report.add(table.place_of("shut"), "switch.shut", wrong, "write `on` or `off`");
    }
    let concerned = match table.get("cameras").map(|entry| &entry.value) {
        Some(Value::Texts(names)) => names.clone(),
        _ => Vec::new(),
    };
    let unknown = |name: &&String| !cameras.iter().any(|camera| camera.name == **name);
    if let Some(name) = concerned.iter().find(unknown) {
        let instead = "write names of cameras, or leave it out: every camera is concerned";
        let wrong = format!("there is no camera `{name}`");
        report.add(table.place_of("cameras"), "switch.cameras", wrong, instead);
    }
    Some(Switch {
        name: text("name")?.to_owned(),
        means,
        device: text("device").filter(|device| *device != "auto").map(PathBuf::from),
        event: event?,
        shut,
        delay: match table.get("delay").map(|entry| &entry.value) {
            Some(Value::Duration(duration)) => *duration,
            _ => Duration::ZERO,
        },
        cameras: concerned,
    })
}

/// As the plan has it: `lens-cover: SW_CAMERA_LENS_COVER on, of any device`.
impl std::fmt::Display for Switch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match self.shut {
            ShutWhen::On => "on",
            ShutWhen::Off => "off",
            ShutWhen::Toggle => "pressed",
        };
        write!(f, "{}: {} {state}", self.name, self.event)?;
        if !self.delay.is_zero() {
            write!(f, " for {}", written(self.delay))?;
        }
        match &self.device {
            Some(device) => write!(f, ", of {}", device.display())?,
            None => write!(f, ", of any device")?,
        }
        match self.cameras.as_slice() {
            [] => Ok(()),
            cameras => write!(f, ", for {}", cameras.join(" ")),
        }
    }
}
