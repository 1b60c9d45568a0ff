// SPDX-License-Identifier: MIT OR Apache-2.0
//! The codecs.

use serde::{Deserialize, Serialize};

/// A video codec that a pipeline file can have and a viewer can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// H.264, packetization mode 1.
    H264,
    /// VP8.
    Vp8,
}

impl Codec {
    /// Every codec, the preferred one first.
    pub const ALL: [Codec; 2] = [Codec::H264, Codec::Vp8];

    /// The encoding name as session descriptions and RTP caps write it.
    pub fn encoding_name(self) -> &'static str {
        match self {
            Codec::H264 => "H264",
            Codec::Vp8 => "VP8",
        }
    }

    /// The name used in pipeline files, URLs and logs.
    pub fn name(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::Vp8 => "vp8",
        }
    }
}

impl std::fmt::Display for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
