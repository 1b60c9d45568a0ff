// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trickled candidates: `application/trickle-ice-sdpfrag` (RFC 8840), and one by one (WebSocket).

use std::net::IpAddr;

use super::description::{check_text, index};
use crate::lifecycle::{Fault, FaultCode};
use crate::wire::Candidate;

/// The longest candidate, bytes. Browsers send about 150.
const MAX_CANDIDATE: usize = 1024;

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

/// What was said of one media section (or before the first one).
#[derive(Default)]
struct Section<'a> {
    mid: Option<&'a str>,
    candidates: Vec<&'a str>,
}

impl Fragment {
    /// Reads `text`; `mids` are the offer's, which turn `a=mid` into an index.
    ///
    /// # Errors
    /// `sdp-invalid` when it is not a fragment, is longer than [`MAX_LEN`](super::MAX_LEN) or
    /// names a media section that was not offered; `candidate-invalid` when a candidate is not one.
    pub fn parse(text: &str, mids: &[String]) -> Result<Fragment, Fault> {
        check_text(text)?;
        let mut fragment = Fragment { ice_ufrag: None, ice_pwd: None, candidates: Vec::new() };
        let mut section = Section::default();
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            let Some((kind, rest)) = line.split_once('=').filter(|(kind, _)| kind.len() == 1)
            else {
                return Err(invalid(format!("`{}` is not a line of a fragment", clip(line))));
            };
            match (kind, rest.split_once(':').unwrap_or((rest, ""))) {
                ("m", _) => fragment.close(std::mem::take(&mut section), mids)?,
                ("a", ("mid", mid)) => section.mid = Some(mid),
                ("a", ("ice-ufrag", ufrag)) => {
                    fragment.ice_ufrag = Some(credential(ufrag, 4)?);
                }
                ("a", ("ice-pwd", pwd)) => fragment.ice_pwd = Some(credential(pwd, 22)?),
                ("a", ("candidate", _)) => section.candidates.push(rest),
                ("a", ("end-of-candidates", _)) => section.candidates.push(""),
                // RFC 8840, 4.4: what is not known is passed over.
                _ => {}
            }
        }
        fragment.close(section, mids)?;
        if fragment.candidates.is_empty() && fragment.ice_ufrag.is_none() {
            return Err(invalid("has neither candidates nor ICE credentials"));
        }
        Ok(fragment)
    }

    /// Takes over the candidates of a section that is complete.
    fn close(&mut self, section: Section<'_>, mids: &[String]) -> Result<(), Fault> {
        let mline = match section.mid {
            Some(mid) => mids
                .iter()
                .position(|known| known == mid && !mid.is_empty())
                .ok_or_else(|| invalid(format!("no media section `{}` was offered", clip(mid))))?,
            // Before the first section: the end of all candidates, which any index will carry.
            None if section.candidates.iter().all(|candidate| candidate.is_empty()) => 0,
            None => {
                return Err(invalid("has a candidate of no media section (`a=mid` is missing)"));
            }
        };
        for candidate in section.candidates {
            self.candidates.push(parse_candidate(candidate, index(mline))?);
        }
        Ok(())
    }
}

/// Checks one candidate (`candidate:…`, with or without `a=`; empty for "no more").
///
/// # Errors
/// `candidate-invalid`.
pub fn parse_candidate(text: &str, mline: u32) -> Result<Candidate, Fault> {
    let text = text.trim();
    let candidate = text.strip_prefix("a=").unwrap_or(text);
    if !candidate.is_empty() {
        check_candidate(candidate).map_err(|wrong| {
            let detail = format!("`{}`: {wrong}", clip(candidate));
            Fault::new(FaultCode::CandidateInvalid, detail)
        })?;
    }
    Ok(Candidate { candidate: candidate.to_owned(), mline })
}

/// RFC 8839, 5.1.
fn check_candidate(candidate: &str) -> Result<(), &'static str> {
    if candidate.len() > MAX_CANDIDATE {
        return Err("is too long");
    }
    if candidate.contains(char::is_control) {
        return Err("contains a control character");
    }
    let fields = candidate.strip_prefix("candidate:").ok_or("does not begin with `candidate:`")?;
    let mut fields = fields.split(' ');
    let mut next = |what| fields.next().filter(|field| !field.is_empty()).ok_or(what);

    let foundation = next("has no foundation")?;
    if foundation.len() > 32 || !foundation.chars().all(is_ice_char) {
        return Err("has a foundation that is not one");
    }
    let component = next("has no component")?.parse::<u16>();
    if !component.is_ok_and(|component| (1..=256).contains(&component)) {
        return Err("has a component that is not 1 to 256");
    }
    if !next("has no transport")?.chars().all(is_token_char) {
        return Err("has a transport that is not one");
    }
    if next("has no priority")?.parse::<u32>().is_err() {
        return Err("has a priority that is not a number of 32 bits");
    }
    if !is_address(next("has no address")?) {
        return Err("has an address that is not one");
    }
    if next("has no port")?.parse::<u16>().is_err() {
        return Err("has a port that is not one");
    }
    if next("has no type")? != "typ" {
        return Err("has something else where `typ` belongs");
    }
    if !next("has no type")?.chars().all(is_token_char) {
        return Err("has a type that is not one");
    }
    // What follows are pairs of names and values.
    if fields.count().is_multiple_of(2) { Ok(()) } else { Err("has an extension without a value") }
}

/// An IP address, or a name (`….local`, behind which browsers hide addresses).
fn is_address(text: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.chars().all(name))
}

fn is_ice_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '+' || c == '/'
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

/// An ICE user name fragment or password: `shortest` to 256 characters.
fn credential(text: &str, shortest: usize) -> Result<String, Fault> {
    if (shortest..=256).contains(&text.len()) && text.chars().all(is_ice_char) {
        return Ok(text.to_owned());
    }
    Err(invalid("has ICE credentials that are none"))
}

fn invalid(detail: impl Into<String>) -> Fault {
    Fault::new(FaultCode::SdpInvalid, detail)
}

/// The beginning of a text from outside, for a message.
fn clip(text: &str) -> String {
    let mut clipped: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if clipped.len() < text.len() {
        clipped.push('…');
    }
    clipped
}
