// SPDX-License-Identifier: MIT OR Apache-2.0
//! The codecs that a viewer offers, and which of them is taken.

use super::Offer;
use crate::lifecycle::{Fault, FaultCode};
use crate::wire::Codec;

/// One payload type of the viewer's video section, of a codec that we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedCodec {
    /// The codec.
    pub codec: Codec,
    /// The payload type, 0 to 127.
    pub payload: u8,
    /// H.264: profile and level, six hex digits in lower case; `420010` when the offer says
    /// nothing, as RFC 6184 has it.
    pub profile_level_id: Option<String>,
    /// H.264: 0 when the offer says nothing.
    pub packetization_mode: u8,
    /// H.264: whether the device may send at a higher level than the viewer's.
    pub level_asymmetry_allowed: bool,
}

impl Offer {
    /// What the viewer offers of the codecs that we know, in the viewer's order.
    pub fn video_codecs(&self) -> &[OfferedCodec] {
        &[]
    }

    /// The payload type to send: the first of `codecs` (in our order of preference) that the
    /// viewer takes. `encoder_profile` is the `profile-level-id` that our H.264 encoder makes;
    /// constrained baseline when it is not known.
    ///
    /// # Errors
    /// `no-common-codec`, naming what was offered and what we have.
    pub fn choose(
        &self,
        codecs: &[Codec],
        encoder_profile: Option<&str>,
    ) -> Result<OfferedCodec, Fault> {
        let _ = (codecs, encoder_profile);
        Err(Fault::new(FaultCode::NoCommonCodec, "not written yet"))
    }
}
