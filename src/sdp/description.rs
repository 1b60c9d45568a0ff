// SPDX-License-Identifier: MIT OR Apache-2.0
//! Offers and answers.

use sdp_types::{Media, Session};

use super::codec::{OfferedCodec, Video, video_of};
use crate::lifecycle::{Fault, FaultCode};
use crate::wire::{Extensions, PLAYOUT_DELAY, TRANSPORT_CC};

/// The longest text that is read, bytes. Browsers send 5 to 10 thousand.
pub const MAX_LEN: usize = 64 * 1024;

/// A viewer's offer: it has a video section in which the viewer receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    common: Description,
    pub(super) video: Video,
    extensions: Extensions,
    has_data_channel: bool,
}

/// A viewer's answer: it takes the video that was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    common: Description,
}

/// What offers and answers have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Description {
    text: String,
    mids: Vec<String>,
    video_mline: usize,
    ice_ufrag: Option<String>,
    ice_pwd: Option<String>,
}

impl Offer {
    /// Reads `text`.
    ///
    /// # Errors
    /// `sdp-invalid` when it is not a session description or longer than [`MAX_LEN`];
    /// `sdp-no-video` when it has no video section in which the viewer receives.
    pub fn parse(text: &str) -> Result<Offer, Fault> {
        let session = session(text)?;
        let common = Description::new(text, &session, "offered")?;
        let section = &session.medias[common.video_mline];
        let (video, extensions) = (video_of(section), extensions_of(section));
        let channel = |m: &Media| m.media == "application" && m.fmt == "webrtc-datachannel";
        let has_data_channel = session.medias.iter().any(|m| channel(m) && is_used(m));
        Ok(Offer { common, video, extensions, has_data_channel })
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.common.text
    }

    /// The index of the video section that will be sent on: the first in which the viewer receives.
    pub fn video_mline(&self) -> u32 {
        index(self.common.video_mline)
    }

    /// What the viewer offers of the codecs that we know, in the viewer's order.
    pub fn video_codecs(&self) -> &[OfferedCodec] {
        &self.video.codecs
    }

    /// The numbers that the viewer gives to the header extensions that we know.
    pub fn extensions(&self) -> Extensions {
        self.extensions
    }

    /// Whether it asks for a data channel.
    pub fn has_data_channel(&self) -> bool {
        self.has_data_channel
    }

    /// The ICE user name fragment: of the video section, else of the session.
    pub fn ice_ufrag(&self) -> Option<&str> {
        self.common.ice_ufrag.as_deref()
    }

    /// The ICE password: of the video section, else of the session.
    pub fn ice_pwd(&self) -> Option<&str> {
        self.common.ice_pwd.as_deref()
    }

    /// The `a=mid` of each media section; empty where there is none.
    pub fn mids(&self) -> &[String] {
        &self.common.mids
    }
}

impl Answer {
    /// Reads `text`.
    ///
    /// # Errors
    /// `sdp-invalid` when it is not a session description or longer than [`MAX_LEN`];
    /// `sdp-no-video` when it refuses the video.
    pub fn parse(text: &str) -> Result<Answer, Fault> {
        let session = session(text)?;
        Ok(Answer { common: Description::new(text, &session, "answered")? })
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.common.text
    }

    /// The `a=mid` of each media section; empty where there is none.
    pub fn mids(&self) -> &[String] {
        &self.common.mids
    }

    /// The ICE user name fragment: of the video section, else of the session.
    pub fn ice_ufrag(&self) -> Option<&str> {
        self.common.ice_ufrag.as_deref()
    }

    /// The ICE password: of the video section, else of the session.
    pub fn ice_pwd(&self) -> Option<&str> {
        self.common.ice_pwd.as_deref()
    }
}

impl Description {
    fn new(text: &str, session: &Session, verb: &str) -> Result<Description, Fault> {
        let no_video = |why: String| Err(Fault::new(FaultCode::SdpNoVideo, why));
        let videos = || session.medias.iter().enumerate().filter(|(_, m)| m.media == "video");
        let Some((video_mline, video)) = videos().find(|(_, m)| is_used(m) && receives(m, session))
        else {
            let directions: Vec<&str> = videos().map(|(_, m)| direction(m, session)).collect();
            return match directions.as_slice() {
                [] => no_video(format!("no video section was {verb}")),
                _ => no_video(format!("video was {verb} {}", directions.join(" and "))),
            };
        };
        let of_video = |name: &'static str| {
            let inner = value(video, name);
            inner.or_else(|| session.get_first_attribute_value(name).flatten())
        };
        let mid = |media| value(media, "mid").unwrap_or_default().to_owned();
        Ok(Description {
            text: text.to_owned(),
            mids: session.medias.iter().map(mid).collect(),
            video_mline,
            ice_ufrag: of_video("ice-ufrag").map(str::to_owned),
            ice_pwd: of_video("ice-pwd").map(str::to_owned),
        })
    }
}

/// Checks what every text from a viewer must satisfy: its size, and that it has no control
/// character but line ends and tabs. C strings, which GStreamer takes, end at a NUL.
pub(super) fn check_text(text: &str) -> Result<(), Fault> {
    let invalid = |detail: String| Err(Fault::new(FaultCode::SdpInvalid, detail));
    if text.len() > MAX_LEN {
        return invalid(format!("{} bytes are more than {MAX_LEN}", text.len()));
    }
    match text.chars().find(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t')) {
        Some(c) => invalid(format!("contains the control character {c:?}")),
        None => Ok(()),
    }
}

fn session(text: &str) -> Result<Session, Fault> {
    check_text(text)?;
    check_lines(text)?;
    Session::parse(text.as_bytes())
        .map_err(|error| Fault::new(FaultCode::SdpInvalid, error.to_string()))
}

/// Whether every line is `x=…`. The parser would say so too, but sdp-types 0.1 panics when a line
/// that is not stands before one that is no `m=`, and passes it over otherwise: this must be
/// checked first, for a panic of the daemon is in the hands of whoever can send an offer.
fn check_lines(text: &str) -> Result<(), Fault> {
    let odd = text.lines().position(|line| !line.is_empty() && line.find('=') != Some(1));
    match odd {
        Some(index) => {
            let detail = format!("line {} is not of the form `x=…`", index + 1);
            Err(Fault::new(FaultCode::SdpInvalid, detail))
        }
        None => Ok(()),
    }
}

/// Whether a section is not refused. Port 0 refuses it, except in a bundle (RFC 9143).
fn is_used(media: &Media) -> bool {
    media.port != 0 || media.has_attribute("bundle-only")
}

fn receives(media: &Media, session: &Session) -> bool {
    matches!(direction(media, session), "recvonly" | "sendrecv")
}

/// The section's direction, from the viewer's side; `refused` when the section is.
fn direction(media: &Media, session: &Session) -> &'static str {
    const DIRECTIONS: [&str; 4] = ["recvonly", "sendrecv", "sendonly", "inactive"];
    if !is_used(media) {
        return "refused";
    }
    let of_media = DIRECTIONS.iter().find(|name| media.has_attribute(name));
    let of_session = || DIRECTIONS.iter().find(|name| session.has_attribute(name));
    of_media.or_else(of_session).copied().unwrap_or("sendrecv")
}

fn value<'a>(media: &'a Media, name: &'a str) -> Option<&'a str> {
    media.get_first_attribute_value(name).flatten()
}

/// What `a=extmap:` of a section says (RFC 8285): a number, perhaps a direction, and what it is.
fn extensions_of(media: &Media) -> Extensions {
    let number = |uri: &str| {
        media.get_attribute_values("extmap").flatten().find_map(|value| {
            let (number, what) = value.split_once(' ')?;
            let number = number.split('/').next()?.parse().ok()?;
            let is_it = what.split(' ').next() == Some(uri);
            // Larger ones need a header of two bytes, which not every receiver takes.
            (is_it && (1..=14).contains(&number)).then_some(number)
        })
    };
    Extensions { transport_cc: number(TRANSPORT_CC), playout_delay: number(PLAYOUT_DELAY) }
}

/// A text of [`MAX_LEN`] has far fewer sections than this has numbers.
pub(super) fn index(section: usize) -> u32 {
    u32::try_from(section).unwrap_or(u32::MAX)
}
