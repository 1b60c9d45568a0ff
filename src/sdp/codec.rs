// SPDX-License-Identifier: MIT OR Apache-2.0
//! The codecs that a viewer offers, and which of them is taken.

use std::fmt;

use sdp_types::Media;

use super::Offer;
use super::h264::{Profile, ProfileLevel};
use super::h265::Format;
use crate::lifecycle::{Fault, FaultCode};
use crate::wire::{Codec, Promise};

/// One payload type of the viewer's video section, of a codec that we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedCodec {
    /// The codec.
    pub codec: Codec,
    /// The payload type, 0 to 127.
    pub payload: u8,
    /// H.264: profile and level, six hex digits in lower case. `None`: not said, or not that.
    pub profile_level_id: Option<String>,
    /// H.264: `None` when not said, which RFC 6184 reads as 0.
    pub packetization_mode: Option<u8>,
    /// H.264: whether the level of what the device sends may be above the viewer's.
    pub level_asymmetry_allowed: bool,
    /// H.265: what it says of what it decodes.
    pub(super) h265: Option<Format>,
}

/// The video section's codecs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Video {
    /// Those that we know.
    pub(super) codecs: Vec<OfferedCodec>,
    /// The encoding names of the others.
    others: Vec<String>,
}

/// Encoding names that are no pictures: repair of other streams.
const REPAIR: [&str; 4] = ["rtx", "red", "ulpfec", "flexfec-03"];

/// What `media` offers, in the order of its payload types.
pub(super) fn video_of(media: &Media) -> Video {
    let mut video = Video { codecs: Vec::new(), others: Vec::new() };
    let payloads = media.fmt.split_ascii_whitespace().filter_map(|pt| pt.parse::<u8>().ok());
    for payload in payloads.filter(|payload| *payload < 128) {
        let Some(encoding) = of_payload(media, "rtpmap", payload) else { continue };
        let name = encoding.split('/').next().unwrap_or_default();
        let known = Codec::ALL.into_iter().find(|c| c.encoding_name().eq_ignore_ascii_case(name));
        let Some(codec) = known else {
            let repair = REPAIR.iter().any(|repair| repair.eq_ignore_ascii_case(name));
            if !repair && !video.others.iter().any(|other| other == name) {
                video.others.push(name.to_owned());
            }
            continue;
        };
        let parameter = |name: &str| {
            let parameters = of_payload(media, "fmtp", payload)?.split(';');
            let mut pairs = parameters.filter_map(|pair| pair.trim().split_once('='));
            pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        let h264 = codec == Codec::H264;
        let profile = parameter("profile-level-id").and_then(ProfileLevel::parse);
        video.codecs.push(OfferedCodec {
            codec,
            payload,
            profile_level_id: profile.filter(|_| h264).map(|profile| profile.to_string()),
            packetization_mode: parameter("packetization-mode")
                .filter(|_| h264)
                .and_then(|mode| mode.parse().ok()),
            level_asymmetry_allowed: h264 && parameter("level-asymmetry-allowed") == Some("1"),
            h265: (codec == Codec::H265).then(|| Format::read(parameter)),
        });
    }
    video
}

/// What follows `a=name:payload `.
fn of_payload<'a>(media: &'a Media, name: &'a str, payload: u8) -> Option<&'a str> {
    media.get_attribute_values(name).flatten().find_map(|value| {
        let (number, rest) = value.split_once(' ')?;
        (number.parse() == Ok(payload)).then(|| rest.trim())
    })
}

impl Offer {
    /// The payload type to send: of the first of `codecs` (in our order of preference) that the
    /// viewer takes. `made` is what our encoders make, of H.264 and of H.265; where it is not known,
    /// constrained baseline, or main, of any level.
    ///
    /// H.264 is taken in packetization mode 1, first of the encoder's own profile; a constrained
    /// baseline stream also as plain baseline, which contains it; and last where the viewer says
    /// nothing about H.264 at all, as simple receivers do that take anything. A level below the
    /// encoder's rules a payload type out, unless the viewer allows asymmetry. Of H.265 see
    /// [`Format::takes`].
    ///
    /// # Errors
    /// `no-common-codec`, naming what was offered and what we have.
    pub fn choose(&self, codecs: &[Codec], made: &Promise) -> Result<OfferedCodec, Fault> {
        let encoder = made.profile_level_id.as_deref().and_then(ProfileLevel::parse);
        let rank = |offered: &OfferedCodec| match offered.codec {
            Codec::H264 => offered.h264_rank(encoder),
            Codec::H265 => {
                offered.h265.is_some_and(|format| format.takes(made.level_id)).then_some(0)
            }
            Codec::Vp8 => Some(0),
        };
        for codec in codecs {
            let of_codec = self.video.codecs.iter().filter(|offered| offered.codec == *codec);
            let ranked = of_codec.filter_map(|offered| Some((rank(offered)?, offered)));
            // The first of equals: the viewer's order is the viewer's preference.
            if let Some((_, best)) = ranked.min_by_key(|(rank, _)| *rank) {
                return Ok(best.clone());
            }
        }
        let mut offered: Vec<String> = self.video.codecs.iter().map(ToString::to_string).collect();
        offered.extend(self.video.others.iter().cloned());
        let offered = if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") };
        let ours = |codec: &Codec| match (codec, encoder) {
            (Codec::H264, Some(encoder)) => format!("H264 {encoder} mode 1"),
            (Codec::H264, None) => "H264 constrained baseline mode 1".to_owned(),
            (Codec::H265, _) => format!("H265 {}", Format::made(made.level_id)),
            (Codec::Vp8, _) => "VP8".to_owned(),
        };
        let ours: Vec<String> = codecs.iter().map(ours).collect();
        let detail = format!("the viewer offers {offered}; the camera has {}", ours.join(", "));
        Err(Fault::new(FaultCode::NoCommonCodec, detail))
    }
}

impl OfferedCodec {
    /// How well this takes the encoder's stream, 0 best; `None`: not at all.
    fn h264_rank(&self, encoder: Option<ProfileLevel>) -> Option<u8> {
        let Some(id) = &self.profile_level_id else {
            return match self.packetization_mode {
                Some(1) => Some(2),
                None => Some(3),
                Some(_) => None,
            };
        };
        if self.packetization_mode != Some(1) {
            return None;
        }
        let offered = ProfileLevel::parse(id)?;
        let limited = !self.level_asymmetry_allowed;
        if limited && encoder.is_some_and(|encoder| encoder.level() > offered.level()) {
            return None;
        }
        let made = encoder.map_or(Profile::ConstrainedBaseline, ProfileLevel::profile);
        match (made, offered.profile()) {
            (made, taken) if made == taken => Some(0),
            (Profile::ConstrainedBaseline, Profile::Baseline) => Some(1),
            _ => None,
        }
    }
}

impl fmt::Display for OfferedCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.codec.encoding_name())?;
        if self.codec == Codec::H264 {
            let id = self.profile_level_id.as_deref().unwrap_or("of no stated profile");
            write!(f, " {id} mode {}", self.packetization_mode.unwrap_or(0))?;
        }
        if let Some(format) = self.h265 {
            write!(f, " {format}")?;
        }
        Ok(())
    }
}
