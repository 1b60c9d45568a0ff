// SPDX-License-Identifier: MIT OR Apache-2.0
//! The codecs.

use serde::{Deserialize, Serialize};

/// A video codec that a pipeline file can have and a viewer can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// H.264, packetization mode 1.
    H264,
    /// H.265, main profile and tier.
    H265,
    /// VP8.
    Vp8,
}

impl Codec {
    /// Every codec, the preferred one first. H.265 comes after H.264: a camera has one codec for all
    /// its viewers, and not every browser takes H.265.
    pub const ALL: [Codec; 3] = [Codec::H264, Codec::H265, Codec::Vp8];

    /// Those that every browser takes (RFC 7742, 5): of a viewer that says nothing no more is known.
    pub const OF_EVERY_BROWSER: [Codec; 2] = [Codec::H264, Codec::Vp8];

    /// The encoding name as session descriptions and RTP caps write it.
    pub fn encoding_name(self) -> &'static str {
        match self {
            Codec::H264 => "H264",
            Codec::H265 => "H265",
            Codec::Vp8 => "VP8",
        }
    }

    /// The name used in pipeline files, URLs and logs.
    pub fn name(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::H265 => "h265",
            Codec::Vp8 => "vp8",
        }
    }

    /// The caps name of its encoded stream.
    pub fn media_type(self) -> &'static str {
        match self {
            Codec::H264 => "video/x-h264",
            Codec::H265 => "video/x-h265",
            Codec::Vp8 => "video/x-vp8",
        }
    }

    /// The codec of that name, in whatever case.
    pub fn named(name: &str) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }
}

impl std::fmt::Display for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
