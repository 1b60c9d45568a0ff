// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a peer worker is told, and what it says unasked.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Codec, SessionId};
use crate::lifecycle::{Fault, Role};

/// Commands to a peer worker. All but `Ping` and `Prepare` name their session: nothing here assumes
/// that a worker carries only one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerCommand {
    /// The plan of faults from now on.
    #[cfg(feature = "faults")]
    Plant(Vec<super::planted::Planted>),
    /// Answered at once, whatever else goes on: the process runs.
    Ping,
    /// Warm up: a throw-away negotiation, which loads the plugins and makes the certificate.
    Prepare,
    /// `create-peer`: webrtcbin to READY, handlers connected.
    CreatePeer {
        /// The session.
        session: SessionId,
        /// Who offers.
        role: Role,
        /// STUN and TURN servers as `stun:host:port`, `turn:user:password@host:port`.
        ice_servers: Vec<String>,
    },
    /// `create-stream`, peer side: read the link that comes beside this command. Done when the
    /// stream's caps are known.
    CreateStream {
        /// The session.
        session: SessionId,
    },
    /// `add-tracks`: a sendonly transceiver for `video`, gate shut.
    AddTracks {
        /// The session.
        session: SessionId,
        /// What will be sent.
        video: VideoTrack,
    },
    /// `create-data-channel`.
    CreateDataChannel {
        /// The session.
        session: SessionId,
    },
    /// `create-offer`: create, set local. Reply: [`Reply::Sdp`].
    CreateOffer {
        /// The session.
        session: SessionId,
    },
    /// `set-remote-offer`.
    SetRemoteOffer {
        /// The session.
        session: SessionId,
        /// The viewer's offer.
        sdp: String,
    },
    /// `create-answer`: create, set local. Reply: [`Reply::Sdp`].
    CreateAnswer {
        /// The session.
        session: SessionId,
    },
    /// `set-remote-answer`.
    SetRemoteAnswer {
        /// The session.
        session: SessionId,
        /// The viewer's answer.
        sdp: String,
    },
    /// `add-candidates`: the viewer's candidates known so far; sent again for later ones.
    AddCandidates {
        /// The session.
        session: SessionId,
        /// The candidates, in the order in which they came.
        candidates: Vec<Candidate>,
    },
    /// `await-connected`: done when ICE and DTLS are up.
    AwaitConnected {
        /// The session.
        session: SessionId,
    },
    /// `enable-tracks`: done when the first packet has left.
    EnableTracks {
        /// The session.
        session: SessionId,
    },
    /// `disable-tracks`: after the report not one more frame leaves. Idempotent.
    DisableTracks {
        /// The session.
        session: SessionId,
    },
    /// `destroy-stream`, peer side: the link is closed. Idempotent.
    DestroyStream {
        /// The session.
        session: SessionId,
    },
    /// `destroy-data-channel`. Idempotent.
    DestroyDataChannel {
        /// The session.
        session: SessionId,
    },
    /// `destroy-peer`: goodbye, webrtcbin to NULL, dropped. Idempotent. The worker ends after its
    /// report when it carries no other session.
    DestroyPeer {
        /// The session.
        session: SessionId,
    },
    /// Send this text on the data channel.
    SendMessage {
        /// The session.
        session: SessionId,
        /// The text.
        text: String,
    },
    /// Live figures. Reply: [`Reply::Stats`].
    Stats {
        /// The session.
        session: SessionId,
    },
}

/// What a peer worker is to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoTrack {
    /// The codec of the camera's pipeline.
    pub codec: Codec,
    /// The payload type: the offer's when the viewer offers, ours otherwise.
    pub payload: u8,
    /// H.264 in an answer: the profile and level of the offer's payload type, which the answer
    /// repeats.
    pub profile_level_id: Option<String>,
    /// What the description says of the stream when the camera has not run yet.
    pub promise: Option<Promise>,
    /// Bits per second of the stream at its best.
    pub bitrate: u32,
    /// The header extensions that both sides have.
    pub extensions: Extensions,
}

/// Header extensions of RTP (RFC 8285) that a stream may have: the number of each, from 1 to 14, as
/// the offer says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Extensions {
    /// [`TRANSPORT_CC`]: packets are numbered, and the viewer says when each of them came.
    pub transport_cc: Option<u8>,
    /// [`PLAYOUT_DELAY`]: the viewer is asked to show each picture at once.
    pub playout_delay: Option<u8>,
}

/// What the extension for transport-wide congestion control is called in a description.
pub const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// What the extension that bounds how long pictures are kept back is called in a description.
pub const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";

/// What the pipeline file promises of its stream, for descriptions written before the camera runs
/// (`camera-opens = "after-connected"`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Promise {
    /// H.264 only: profile and level as six hex digits, `42e01f`.
    pub profile_level_id: Option<String>,
    /// H.265 only: thirty times the level, 93 for 3.1 (RFC 7798). Profile and tier are main.
    pub level_id: Option<u8>,
}

/// An ICE candidate of either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// `candidate:…`, without `a=`. Empty: there are no more.
    pub candidate: String,
    /// The index of its media section.
    #[serde(rename = "sdpMLineIndex", default)]
    pub mline: u32,
}

/// Where a viewer's connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connection {
    /// Not yet.
    Connecting,
    /// ICE and DTLS are up.
    Connected,
    /// ICE lost its path, and may find it again.
    Disconnected,
    /// It will not come back.
    Failed,
    /// The viewer ended it (DTLS close_notify).
    Closed,
}

/// What a peer worker reports unasked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerFact {
    /// A candidate of ours; an empty one says that there are no more.
    Candidate {
        /// The session.
        session: SessionId,
        /// The candidate.
        candidate: Candidate,
    },
    /// The connection changed.
    Connection {
        /// The session.
        session: SessionId,
        /// To this.
        state: Connection,
    },
    /// The viewer has vanished: it should have been heard, and was not.
    Silent {
        /// The session.
        session: SessionId,
        /// How long nothing was heard of it.
        silence: Duration,
    },
    /// The viewer sent text on the data channel.
    Message {
        /// The session.
        session: SessionId,
        /// The text.
        text: String,
    },
    /// The session's pipeline failed.
    Failed {
        /// The session.
        session: SessionId,
        /// Why.
        fault: Fault,
    },
}

impl PeerFact {
    /// The session that it is of.
    pub fn session(&self) -> SessionId {
        match self {
            PeerFact::Candidate { session, .. }
            | PeerFact::Connection { session, .. }
            | PeerFact::Silent { session, .. }
            | PeerFact::Message { session, .. }
            | PeerFact::Failed { session, .. } => *session,
        }
    }
}

/// Live figures of one viewer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ViewerStats {
    /// Access units handed to the payloader.
    pub frames: u64,
    /// Access units left out because the viewer's worker was slow.
    pub frames_dropped: u64,
    /// RTP payload and headers sent, bytes.
    pub bytes_sent: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets the viewer reports lost.
    pub packets_lost: i64,
    /// Round trip by the viewer's receiver reports, milliseconds.
    pub round_trip_ms: Option<f64>,
    /// What the viewer's path takes, bits per second, as estimated from what the viewer reports;
    /// absent where it reports nothing of the kind.
    pub path_bitrate: Option<u32>,
}
