// SPDX-License-Identifier: MIT OR Apache-2.0
//! One board: its pipelines, checked, and filled in for a camera.

use std::path::PathBuf;

use super::PipelineReport;
use crate::lifecycle::{Fault, FaultCode};
use crate::wire::{Codec, Promise};

/// What fills the placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    /// `${device}`; needed by boards with a node.
    pub device: Option<PathBuf>,
    /// `${width}`, pixels.
    pub width: u32,
    /// `${height}`, pixels.
    pub height: u32,
    /// `${framerate}`, frames per second.
    pub framerate: u32,
    /// `${bitrate}`, bits per second; `${bitrate_kbit}` is the same in kilobits per second.
    pub bitrate: u32,
}

/// A board file, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    name: String,
    title: String,
    has_device: bool,
    needs: Vec<String>,
    videos: Vec<Video>,
}

/// One codec of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Video {
    codec: Codec,
    launch: String,
    promise: Option<Promise>,
}

impl Board {
    /// Checks `text`; `file` is what reports call it, and its stem is the board's name.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(text: &str, file: &str) -> Result<Board, PipelineReport> {
        let _ = (text, file);
        Err(PipelineReport::default())
    }

    /// The name that a camera's `board` key uses: the file's stem.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What board it is, for a person.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Whether its camera is a node, so that a `device` must be configured.
    pub fn has_device(&self) -> bool {
        self.has_device
    }

    /// The codecs that it encodes to, the preferred one first. At least one.
    pub fn codecs(&self) -> Vec<Codec> {
        self.videos.iter().map(|video| video.codec).collect()
    }

    /// What the stream of `codec` is promised to be, for descriptions written before it runs.
    pub fn promise(&self, codec: Codec) -> Option<&Promise> {
        self.videos.iter().find(|video| video.codec == codec)?.promise.as_ref()
    }

    /// The element factories that the file says it needs.
    pub fn needs(&self) -> &[String] {
        &self.needs
    }

    /// The element factories of the pipeline of `codec`, sorted, each once; none without one.
    pub fn elements(&self, codec: Codec) -> Vec<String> {
        let _ = codec;
        Vec::new()
    }

    /// The pipeline's text with `values` filled in, each within the token in which it stands.
    ///
    /// # Errors
    /// `pipeline-invalid` when the board does not encode to `codec`, or needs a device and
    /// `values` has none or one that cannot be written (not UTF-8).
    pub fn launch(&self, codec: Codec, values: &Values) -> Result<String, Fault> {
        let _ = (codec, values);
        Err(Fault::new(FaultCode::PipelineInvalid, "not written yet"))
    }

    /// A line that `gst-launch-1.0` runs as it is, from a shell, sink included.
    ///
    /// # Errors
    /// As [`Board::launch`].
    pub fn gst_launch_line(&self, codec: Codec, values: &Values) -> Result<String, Fault> {
        self.launch(codec, values)
    }
}
