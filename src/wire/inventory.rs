// SPDX-License-Identifier: MIT OR Apache-2.0
//! What GStreamer has on this system: `shutter-media inventory` prints it as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// GStreamer's version.
    pub gstreamer: String,
    /// The nodes that capture video.
    pub captures: Vec<Capture>,
    /// The elements that encode video to what the service knows, hardware first.
    pub encoders: Vec<Encoder>,
    /// Where each element that was asked for is.
    pub elements: BTreeMap<String, Origin>,
}

/// A node that captures video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// Its path.
    pub node: String,
    /// What its driver calls it.
    pub name: String,
    /// What it gives, shortened: `640x480 up to 30 a second; YUY2, NV12`.
    pub formats: String,
}

/// An element that encodes video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoder {
    /// Its factory's name.
    pub element: String,
    /// What it is, for a person.
    pub title: String,
    /// Whether it says that hardware does it.
    pub hardware: bool,
    /// Its own properties: what it can be told.
    pub controls: Vec<String>,
}

/// Where an element is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// In this plugin.
    Plugin(String),
    /// Nowhere here; in this package of Debian's, where that is known.
    Missing(Option<String>),
}
