// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a camera worker is told, and what it says unasked.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Codec, SessionId};
use crate::lifecycle::Fault;

/// Commands to the camera worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraCommand {
    /// The plan of faults from now on.
    #[cfg(feature = "faults")]
    Plant(Vec<super::planted::Planted>),
    /// Answered at once, whatever else goes on: the process runs.
    Ping,
    /// Warm up: load the plugins of these elements. No device is touched.
    Prepare {
        /// Element factory names; one that is missing fails the command.
        elements: Vec<String>,
    },
    /// `open-camera`: build the pipeline, bring the element `camera` to READY, check formats.
    OpenCamera {
        /// gst-launch text with every `${…}` filled in.
        launch: String,
        /// The node that the element `camera` opens, where it is a device.
        device: Option<PathBuf>,
        /// What the text encodes to.
        codec: Codec,
        /// What the text was filled in with.
        whole: Whole,
    },
    /// `create-source`: PAUSED, PLAYING; done when the first encoded frame is seen.
    CreateSource,
    /// `create-stream`, camera side: send access units down the link that comes beside this
    /// command, beginning with a fresh keyframe. Reply: [`Reply::Caps`] of the encoded stream.
    Attach {
        /// Whose link.
        session: SessionId,
    },
    /// `destroy-stream`, camera side. Idempotent.
    Detach {
        /// Whose link.
        session: SessionId,
    },
    /// `destroy-source`: PLAYING, PAUSED, READY. Accepts any earlier state.
    DestroySource,
    /// `await-capture-stopped`: done when no buffer of the driver is out.
    AwaitCaptureStopped,
    /// `close-camera`: NULL, pipeline dropped. The worker ends after its report.
    CloseCamera,
}

/// The picture that is configured, and what is never exceeded: a path that takes less gets less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Whole {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Pictures per second.
    pub framerate: u32,
    /// Bits per second.
    pub bitrate: u32,
}

/// What a camera worker reports unasked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraFact {
    /// The pipeline posted an error; no more frames will come.
    Failed(Fault),
    /// A peer's link ended from the other side.
    LinkGone(SessionId),
}
