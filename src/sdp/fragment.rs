// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trickled candidates: `application/trickle-ice-sdpfrag` (RFC 8840), and one by one (WebSocket).

use crate::lifecycle::{Fault, FaultCode};
use crate::wire::Candidate;

/// Candidates that came after the offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The ICE user name fragment that they belong to; another than the offer's is an ICE restart.
    pub ice_ufrag: Option<String>,
    /// The ICE password.
    pub ice_pwd: Option<String>,
    /// The candidates in order; an empty one where the viewer says that there are no more.
    pub candidates: Vec<Candidate>,
}

impl Fragment {
    /// Reads `text`; `mids` are the offer's, which turn `a=mid` into an index.
    ///
    /// # Errors
    /// `sdp-invalid` when it is not a fragment, is longer than [`MAX_LEN`](super::MAX_LEN) or
    /// names a media section that was not offered; `candidate-invalid` when a candidate is not one.
    pub fn parse(text: &str, mids: &[String]) -> Result<Fragment, Fault> {
        let _ = (text, mids);
        Err(Fault::new(FaultCode::SdpInvalid, "not written yet"))
    }
}

/// Checks one candidate (`candidate:…`, with or without `a=`; empty for "no more").
///
/// # Errors
/// `candidate-invalid`.
pub fn parse_candidate(text: &str, mline: u32) -> Result<Candidate, Fault> {
    let _ = (text, mline);
    Err(Fault::new(FaultCode::CandidateInvalid, "not written yet"))
}
