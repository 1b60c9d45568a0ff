// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checked configuration: whoever holds a [`Config`] need not check anything again.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::pushes::Push;
use super::switches::Switch;
use crate::lifecycle::steps::{STEPS, UNDOS};
use crate::lifecycle::{CameraOpens, Step, Undo};
use crate::pipeline::{Board, Values};
use crate::wire::Codec;

/// Everything that can be configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The HTTP service.
    pub http: Http,
    /// The control socket.
    pub control: Control,
    /// Where ended sessions are kept. `None`: in memory only (`storage = "volatile"`).
    pub journal: Option<Journal>,
    /// The media workers.
    pub media: Media,
    /// The cameras, in the order in which they were written. At least one; names are unique.
    pub cameras: Vec<Camera>,
    /// What keeps cameras closed, in the order in which it was written; names are unique.
    pub switches: Vec<Switch>,
    /// The servers to which cameras are sent for as long as the service runs.
    pub pushes: Vec<Push>,
    /// Whether cameras are closed before the device sleeps.
    pub closes_for_sleep: bool,
    /// What holds for every session.
    pub session: Session,
    /// How long each step may take.
    pub deadlines: Deadlines,
    /// WebRTC.
    pub webrtc: WebRtc,
    /// What was read, in order: files, then variables. Empty: the built-in default.
    pub sources: Vec<String>,
}

impl Config {
    /// The camera of that name.
    pub fn camera(&self, name: &str) -> Option<&Camera> {
        self.cameras.iter().find(|camera| camera.name == name)
    }

    /// The element factories that the cameras' pipelines name, sorted, each once.
    pub fn elements(&self) -> Vec<String> {
        let of = |camera: &'_ Camera| -> Vec<String> {
            camera.codecs.iter().flat_map(|codec| camera.board.elements(*codec)).collect()
        };
        self.cameras.iter().flat_map(of).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// `[http]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The address to listen on. Loopback unless changed; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Origins (`https://host:port`) of other pages that may use the API, beside our own.
    pub allowed_origins: Vec<String>,
}

/// `[control]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// The Unix socket on which the API answers to the system's own programs.
    pub socket: PathBuf,
}

/// `[journal]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Its directory. It is made where it is missing.
    pub directory: PathBuf,
    /// How large all of it may grow, bytes; 256 KiB to 64 MiB.
    pub max_size: u64,
}

/// `[media]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// The `shutter-media` binary. `None`: beside the running one, else where packages put it.
    pub worker: Option<PathBuf>,
    /// Where board files are looked for, first match wins.
    pub pipelines: Vec<PathBuf>,
    /// Whether a spare worker of each kind is kept warm.
    pub prewarm: bool,
}

/// `[[camera]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Its name in URLs, logs and metrics: 1 to 32 of `a-z 0-9 - _`.
    pub name: String,
    /// The node that it opens. `None` exactly when the board has no node ([`Board::has_device`]).
    pub device: Option<PathBuf>,
    /// The LED that shows that it streams.
    pub led: Led,
    /// The pipelines of its board.
    pub board: Board,
    /// The codecs that it may have, of its board's, the preferred one first. At least one.
    pub codecs: Vec<Codec>,
    /// Pixels; even, 16 to 8192.
    pub width: u32,
    /// Pixels; even, 16 to 8192.
    pub height: u32,
    /// Frames per second, 1 to 240.
    pub framerate: u32,
    /// Bits per second, 50 000 to 100 000 000.
    pub bitrate: u32,
    /// How many may watch at once, 1 to 64.
    pub max_viewers: u32,
    /// When it opens.
    pub camera_opens: CameraOpens,
    /// How long a camera that fails while viewers watch is tried to be opened again, up to an hour.
    /// Zero: not at all.
    pub reopen_within: Duration,
    /// The command that frees a camera which nothing else frees, with its arguments. Empty: none.
    pub recover: Vec<String>,
}

/// Which LED shows that a camera streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Led {
    /// The one that the device tree gives to its sensor.
    Auto,
    /// None that this system knows of.
    None,
    /// The one of that name below `/sys/class/leds`.
    Named(String),
}

impl Camera {
    /// What fills the placeholders of its board's pipelines.
    pub fn values(&self) -> Values {
        Values {
            device: self.device.clone(),
            width: self.width,
            height: self.height,
            framerate: self.framerate,
            bitrate: self.bitrate,
        }
    }
}

/// `[session]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// How long a session may run. `None`: no limit.
    pub max_duration: Option<Duration>,
}

/// `[webrtc]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebRtc {
    /// STUN and TURN servers as `stun:host:port`, `turn:user:password@host:port` or
    /// `turns:user:password@host:port`. Nothing by default: no contact with the outside.
    pub ice_servers: Vec<String>,
}

/// `[deadlines]`: how long each step and each undo may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlines {
    steps: Vec<Duration>,
    undos: Vec<Duration>,
}

impl Default for Deadlines {
    /// What the lifecycle's tables say.
    fn default() -> Self {
        Self {
            steps: STEPS.iter().map(|row| row.deadline).collect(),
            undos: UNDOS.iter().map(|row| row.deadline).collect(),
        }
    }
}

impl Deadlines {
    /// How long `step` may take.
    pub fn step(&self, step: Step) -> Duration {
        self.steps[step as usize]
    }

    /// How long `undo` may take.
    pub fn undo(&self, undo: Undo) -> Duration {
        self.undos[undo as usize]
    }

    /// From "stop asked" to "camera observed closed", when no worker has to be killed.
    pub fn close_bound(&self) -> Duration {
        UNDOS
            .iter()
            .filter(|row| row.undo <= Undo::CloseCamera)
            .map(|row| self.undo(row.undo))
            .sum()
    }

    pub(super) fn set_step(&mut self, step: Step, deadline: Duration) {
        self.steps[step as usize] = deadline;
    }

    pub(super) fn set_undo(&mut self, undo: Undo, deadline: Duration) {
        self.undos[undo as usize] = deadline;
    }
}
