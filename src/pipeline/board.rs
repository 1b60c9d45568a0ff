// SPDX-License-Identifier: MIT OR Apache-2.0
//! One board: its pipelines, checked, and filled in for a camera.

use std::collections::BTreeSet;

use super::fill::{Values, fill};
use super::tokens::{Token, shell_words, tokens};
use super::{PipelineReport, check};
use crate::lifecycle::{Fault, FaultCode};
use crate::wire::{Codec, Promise};

/// A board file, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) has_device: bool,
    pub(super) needs: Vec<String>,
    pub(super) videos: Vec<Video>,
}

/// One codec of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Video {
    pub(super) codec: Codec,
    pub(super) launch: String,
    pub(super) promise: Option<Promise>,
}

impl Board {
    /// Checks `text`; `file` is what reports call it, and its stem is the board's name.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(text: &str, file: &str) -> Result<Board, PipelineReport> {
        check::board(text, file)
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
        self.video(codec)?.promise.as_ref()
    }

    /// The element factories that the file says it needs: all that its texts name, and those that
    /// they come to use while running (`decodebin`).
    pub fn needs(&self) -> &[String] {
        &self.needs
    }

    /// The element factories of the pipeline of `codec`, sorted, each once: those in its text, and
    /// those in `needs` that no text of the file names. None when there is no such pipeline.
    pub fn elements(&self, codec: Codec) -> Vec<String> {
        let Some(video) = self.video(codec) else { return Vec::new() };
        let named: BTreeSet<String> =
            self.videos.iter().flat_map(|video| factories(&video.launch)).collect();
        let mut elements: BTreeSet<String> = factories(&video.launch).into_iter().collect();
        elements.extend(self.needs.iter().filter(|need| !named.contains(*need)).cloned());
        elements.into_iter().collect()
    }

    /// The pipeline's text with `values` filled in, each within the token in which it stands. It
    /// ends in an encoded stream: a sink is for the caller to add.
    ///
    /// # Errors
    /// `pipeline-invalid` when the board does not encode to `codec`, or needs a device and
    /// `values` has none, or one that cannot be written (see [`check_device`](super::check_device)).
    pub fn launch(&self, codec: Codec, values: &Values) -> Result<String, Fault> {
        let invalid = |detail: String| Fault::new(FaultCode::PipelineInvalid, detail);
        let video = self
            .video(codec)
            .ok_or_else(|| invalid(format!("board {} has no pipeline for {codec}", self.name)))?;
        fill(&video.launch, values)
            .map_err(|wrong| invalid(format!("board {}: {wrong}", self.name)))
    }

    /// A line for a shell that `gst-launch-1.0` runs as it is: it prints the frame rate.
    ///
    /// # Errors
    /// As [`Board::launch`]; also when the device's path has a quote, which `gst-launch-1.0`
    /// mistakes for the beginning of a quoted value.
    pub fn gst_launch_line(&self, codec: Codec, values: &Values) -> Result<String, Fault> {
        let invalid = |detail: &str| {
            Fault::new(FaultCode::PipelineInvalid, format!("board {}: {detail}", self.name))
        };
        let device = values.device.as_ref().and_then(|device| device.to_str());
        if self.has_device && device.is_some_and(|device| device.contains(['"', '\''])) {
            return Err(invalid("gst-launch-1.0 cannot be given a path with a quote in it"));
        }
        let launch = self.launch(codec, values)?;
        let words = shell_words(&launch).map_err(|unreadable| invalid(&unreadable.wrong))?;
        Ok(format!(
            "gst-launch-1.0 -e -v {} ! fpsdisplaysink video-sink=fakesink text-overlay=false sync=false",
            words.join(" ")
        ))
    }

    fn video(&self, codec: Codec) -> Option<&Video> {
        self.videos.iter().find(|video| video.codec == codec)
    }
}

/// The element factories in a text that was checked.
fn factories(launch: &str) -> Vec<String> {
    let tokens = tokens(launch).unwrap_or_default();
    let element = |token| match token {
        Token::Element(factory) => Some(factory),
        _ => None,
    };
    tokens.into_iter().filter_map(|placed| element(placed.token)).collect()
}
