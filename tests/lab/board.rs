// SPDX-License-Identifier: MIT OR Apache-2.0
//! The camera of the experiments, by its board file, and who says that it is closed.

use std::path::Path;
use std::time::Duration;

use shutterd::config::{self, Config, ConfigReport};
use shutterd::device::{Roots, Shutter, v4l2};
use shutterd::lifecycle::Fault;
use shutterd::wire::{CameraCommand, Codec, Extensions, PeerCommand, SessionId, VideoTrack, Whole};

/// The camera.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) config: config::Camera,
    pub(crate) shutter: Shutter,
}

impl Board {
    /// The first camera of a configuration.
    pub(crate) fn of(config: Result<Config, ConfigReport>) -> Result<Self, String> {
        let config = config.map_err(|report| report.to_string())?;
        let config = config.cameras.into_iter().next().ok_or("no camera")?;
        let shutter = Shutter::new(&config, Roots::default());
        Ok(Self { config, shutter })
    }

    pub(crate) fn device(&self) -> Option<&Path> {
        self.config.device.as_deref()
    }

    pub(crate) fn launch(&self) -> Result<String, Fault> {
        self.config.board.launch(Codec::H264, &self.config.values())
    }

    pub(crate) fn elements(&self) -> Vec<String> {
        self.config.board.elements(Codec::H264)
    }

    pub(crate) fn open(&self) -> Result<CameraCommand, Fault> {
        let config::Camera { width, height, framerate, bitrate, .. } = self.config;
        let whole = Whole { width, height, framerate, bitrate };
        let device = self.config.device.clone();
        Ok(CameraCommand::OpenCamera { launch: self.launch()?, device, codec: Codec::H264, whole })
    }

    /// Payload type and profile are those of the lab's viewer.
    pub(crate) fn tracks(&self, session: SessionId, promised: bool) -> PeerCommand {
        let promise = promised.then(|| self.config.board.promise(Codec::H264).cloned()).flatten();
        let video = VideoTrack {
            codec: Codec::H264,
            payload: 108,
            profile_level_id: Some("42e01f".into()),
            promise,
            bitrate: self.config.bitrate,
            extensions: Extensions { transport_cc: Some(3), playout_delay: None },
        };
        PeerCommand::AddTracks { session, video }
    }

    /// Whether the driver has buffers of somebody's: it lets nobody else stream.
    pub(crate) fn is_busy(&self) -> Option<bool> {
        self.device().map(|device| v4l2::probe(device).is_err())
    }

    /// Whether nobody has the camera, within `time`. A board without a node cannot tell.
    pub(crate) async fn is_closed_within(&self, time: Duration) -> bool {
        self.shutter.await_closed(time).await.is_closed()
    }
}
