// SPDX-License-Identifier: MIT OR Apache-2.0
//! The viewer's ICE candidates. webrtcbin drops a bad one without a word, so each is looked at
//! first; good ones among bad ones are applied.

use gst::prelude::*;
use gst_webrtc::WebRTCSessionDescription;
use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::Candidate;

use super::connection::Peer;

/// Longer than any candidate with every extension.
const MAX_LEN: usize = 512;

impl Peer {
    /// Applies candidates in order.
    pub(super) fn add_candidates(&self, candidates: &[Candidate]) -> Result<(), Fault> {
        let remote = self.webrtc.property::<Option<WebRTCSessionDescription>>("remote-description");
        let sections = remote.map(|description| description.sdp().medias_len());
        let mut bad = Vec::new();
        for Candidate { candidate, mline } in candidates {
            let text = candidate.strip_prefix("a=").unwrap_or(candidate);
            // Before there is a description, webrtcbin keeps them for it.
            let placed = sections.is_none_or(|sections| *mline < sections);
            if placed && (text.is_empty() || is_candidate(text)) {
                self.webrtc.emit_by_name::<()>("add-ice-candidate", &[mline, &text]);
            } else {
                bad.push(format!("`{}` for section {mline}", text.get(..80).unwrap_or(text)));
            }
        }
        if bad.is_empty() {
            return Ok(());
        }
        Err(Fault::new(FaultCode::CandidateInvalid, bad.join(", ")))
    }
}

/// RFC 8839: `candidate:foundation component transport priority address port typ type …`.
fn is_candidate(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("candidate:") else { return false };
    let mut fields = rest.split(' ');
    let mut next = || fields.next().unwrap_or_default();
    text.len() <= MAX_LEN
        && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
        && (1..=32).contains(&next().len())
        && next().parse::<u16>().is_ok_and(|component| (1..=256).contains(&component))
        && ["udp", "tcp"].contains(&next().to_ascii_lowercase().as_str())
        && next().parse::<u32>().is_ok()
        && is_address(next())
        && next().parse::<u16>().is_ok()
        && next() == "typ"
        && ["host", "srflx", "prflx", "relay"].contains(&next())
}

/// An address, or a name made up to hide one (mDNS).
fn is_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
        || (text.len() <= 253
            && text.strip_suffix(".local").is_some_and(|name| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            }))
}

#[cfg(test)]
mod tests {
    use super::is_candidate;

    #[test]
    fn what_browsers_send_is_taken() {
        for text in [
            "candidate:1 1 UDP 2015363327 192.0.2.1 40000 typ host",
            "candidate:842163049 1 udp 1677729535 2001:db8::1 46154 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag x network-cost 999",
            "candidate:0 1 UDP 2122187007 1f4712db-ea17-4bcf-a596-105139dfd8bf.local 54596 typ host",
            "candidate:2 1 tcp 1 10.0.0.1 9 typ host tcptype active",
        ] {
            assert!(is_candidate(text), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_not() {
        for text in [
            "candidate:",
            "candidate:1 1 UDP x 192.0.2.1 40000 typ host",
            "candidate:1 1 UDP 1 192.0.2.1 99999 typ host",
            "candidate:1 1 UDP 1 example.org 9 typ host",
            "candidate:1 1 SCTP 1 192.0.2.1 9 typ host",
            "candidate:1 1 UDP 1 192.0.2.1 9 typ host\r\na=x",
            "hello",
        ] {
            assert!(!is_candidate(text), "{text}");
        }
    }
}
