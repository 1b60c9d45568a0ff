// SPDX-License-Identifier: MIT OR Apache-2.0
//! Offers and answers.

use crate::lifecycle::{Fault, FaultCode};

/// The longest text that is read, bytes.
pub const MAX_LEN: usize = 64 * 1024;

/// A viewer's offer: it has a video section in which the viewer receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    text: String,
}

impl Offer {
    /// Reads `text`.
    ///
    /// # Errors
    /// `sdp-invalid` when it is not a session description or longer than [`MAX_LEN`];
    /// `sdp-no-video` when it has no video section in which the viewer receives.
    pub fn parse(text: &str) -> Result<Offer, Fault> {
        let _ = text;
        Err(Fault::new(FaultCode::SdpInvalid, "not written yet"))
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The index of the video section.
    pub fn video_mline(&self) -> u32 {
        0
    }

    /// Whether it asks for a data channel.
    pub fn has_data_channel(&self) -> bool {
        false
    }

    /// The ICE user name fragment: of the video section, else of the session.
    pub fn ice_ufrag(&self) -> Option<&str> {
        None
    }

    /// The ICE password: of the video section, else of the session.
    pub fn ice_pwd(&self) -> Option<&str> {
        None
    }

    /// The `a=mid` of each media section; empty where there is none.
    pub fn mids(&self) -> &[String] {
        &[]
    }
}

/// A viewer's answer: it takes the video that was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    text: String,
}

impl Answer {
    /// Reads `text`.
    ///
    /// # Errors
    /// `sdp-invalid` when it is not a session description or longer than [`MAX_LEN`];
    /// `sdp-no-video` when it refuses the video.
    pub fn parse(text: &str) -> Result<Answer, Fault> {
        let _ = text;
        Err(Fault::new(FaultCode::SdpInvalid, "not written yet"))
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The `a=mid` of each media section; empty where there is none.
    pub fn mids(&self) -> &[String] {
        &[]
    }

    /// The ICE user name fragment: of the video section, else of the session.
    pub fn ice_ufrag(&self) -> Option<&str> {
        None
    }
}
