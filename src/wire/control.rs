// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands and facts. Workers execute one command at a time and report; they decide nothing.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::lifecycle::{Fault, Role};

/// Names one session, in every message that concerns it. Random, 64 bits, 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for SessionId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(SessionId)
    }
}

impl Serialize for SessionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

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

/// A synchronisation source of RTP.
pub type Ssrc = u32;

/// A command with the number that its report will carry. Descriptors travel beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request<C> {
    /// Unique per worker, counted up from 1.
    pub id: u64,
    /// What to do.
    pub command: C,
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report<F> {
    /// The command of that number is done.
    Done {
        /// The command's number.
        id: u64,
        /// What came of it.
        reply: Reply,
    },
    /// The command of that number failed.
    Failed {
        /// The command's number.
        id: u64,
        /// Why.
        fault: Fault,
    },
    /// Something happened.
    Fact(F),
}

/// What a command that is done has to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// Nothing beyond that it is done.
    Done,
    /// The camera delivers this, in GStreamer's notation of caps.
    Caps(String),
    /// A session description.
    Sdp(String),
    /// Live figures of one viewer.
    Stats(ViewerStats),
}

/// Commands to the camera worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraCommand {
    /// Warm up: load the plugins of these elements. No device is touched.
    Prepare {
        /// Element factory names; one that is missing fails the command.
        elements: Vec<String>,
    },
    /// `open-camera`: build the pipeline, bring the element `camera` to READY, check formats.
    OpenCamera {
        /// gst-launch text with every `${…}` filled in.
        launch: String,
        /// The node that the element `camera` opens, where it is a device.
        device: Option<PathBuf>,
        /// What the text encodes to.
        codec: Codec,
    },
    /// `create-source`: PAUSED, PLAYING; done when the first encoded frame is seen.
    CreateSource,
    /// `create-stream`, camera side: send access units down the link that comes beside this
    /// command, beginning with a fresh keyframe. Reply: [`Reply::Caps`] of the encoded stream.
    Attach {
        /// Whose link.
        session: SessionId,
    },
    /// `destroy-stream`, camera side. Idempotent.
    Detach {
        /// Whose link.
        session: SessionId,
    },
    /// `destroy-source`: PLAYING, PAUSED, READY. Accepts any earlier state.
    DestroySource,
    /// `await-capture-stopped`: done when no buffer of the driver is out.
    AwaitCaptureStopped,
    /// `close-camera`: NULL, pipeline dropped. The worker ends after its report.
    CloseCamera,
}

/// What a camera worker reports unasked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraFact {
    /// The pipeline posted an error; no more frames will come.
    Failed(Fault),
    /// A peer's link ended from the other side.
    LinkGone(SessionId),
}

/// Commands to a peer worker. All but `Prepare` name their session: nothing here assumes that a
/// worker carries only one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerCommand {
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
}

/// What the pipeline file promises of its stream, for descriptions written before the camera runs
/// (`camera-opens = "after-connected"`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Promise {
    /// H.264 only: profile and level as six hex digits, `42e01f`.
    pub profile_level_id: Option<String>,
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
    /// Nothing was heard of the viewer (no RTCP, no ICE consent) for the liveness bound.
    Silent {
        /// The session.
        session: SessionId,
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
}
