// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong: a closed list of codes, each with what to do about it.

use serde::{Deserialize, Serialize};

macro_rules! fault_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $remedy:literal;)*) => {
        /// The closed list. The names are public: logs, problem documents and metrics use them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum FaultCode {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl FaultCode {
            /// Every code.
            pub const ALL: &'static [FaultCode] = &[$(FaultCode::$variant,)*];

            /// The public name, kebab-case.
            pub fn name(self) -> &'static str {
                match self { $(FaultCode::$variant => $name,)* }
            }

            /// What whoever meets it can do.
            pub fn remedy(self) -> &'static str {
                match self { $(FaultCode::$variant => $remedy,)* }
            }
        }
    };
}

fault_codes! {
    /// Another process has the camera open.
    CameraBusy = "camera-busy", "end what holds the camera, then start again";
    /// The device node does not exist or its driver is gone.
    CameraMissing = "camera-missing", "plug the camera in, or correct `device` of this camera in the configuration";
    /// The node exists but does not capture video.
    NotACamera = "not-a-camera", "point `device` at a video capture node; `v4l2-ctl --list-devices` names them";
    /// The service's user may not open the node.
    CameraForbidden = "camera-forbidden", "add the service's user to the group that owns the device node";
    /// The camera does not offer the configured size or rate.
    CameraFormat = "camera-format", "choose width, height and framerate that the camera offers; `v4l2-ctl --list-formats-ext` names them";
    /// The driver reported an error while streaming.
    CameraError = "camera-error", "see the kernel log; if it recurs, check the cable and the power supply";
    /// The camera runs but delivers nothing.
    NoFrames = "no-frames", "check the sensor and its cable; the driver says it is streaming but no frame came";
    /// The camera was closed but something still holds it.
    CameraWedged = "camera-wedged", "what is named here keeps the camera: end it, rebind the driver or restart the device";
    /// No camera of that name is configured.
    CameraUnknown = "camera-unknown", "use a name that `shutterctl cameras` lists";
    /// The pipeline file's text cannot be run.
    PipelineInvalid = "pipeline-invalid", "correct the pipeline file; `shutterctl pipelines check` shows what is wrong";
    /// GStreamer lacks an element that the pipeline needs.
    ElementMissing = "element-missing", "install the GStreamer plugin that has this element; of a device's, see that it is there and not in use";
    /// The viewer offers none of the codecs of the camera's pipeline file.
    NoCommonCodec = "no-common-codec", "offer one of the codecs named here";
    /// The camera is encoding another codec for other viewers.
    CodecInUse = "codec-in-use", "offer the codec that is in use, or wait until the other viewers have left";
    /// The session description is not one.
    SdpInvalid = "sdp-invalid", "send a session description as RFC 8866 has it";
    /// The session description asks for no video that the device could send.
    SdpNoVideo = "sdp-no-video", "offer a video section in which the viewer receives";
    /// A candidate is not one.
    CandidateInvalid = "candidate-invalid", "send candidates as RFC 8839 has them";
    /// A message that is not what the protocol allows here.
    MessageInvalid = "message-invalid", "send what the interface's description allows";
    /// webrtcbin refused a step of the negotiation.
    NegotiationFailed = "negotiation-failed", "see the detail; the viewer's description may be of an unsupported kind";
    /// ICE found no path, or lost it.
    IceFailed = "ice-failed", "check that the viewer reaches the device over UDP, or configure a TURN server";
    /// The DTLS handshake failed, or was ended by the viewer.
    DtlsClosed = "dtls-closed", "the viewer ended the connection; start again";
    /// The viewer said nothing for too long.
    ViewerVanished = "viewer-vanished", "start again from the viewer";
    /// The signalling connection ended before the session was connected.
    SignallingGone = "signalling-gone", "keep the signalling connection open until the session is connected";
    /// The server that is pushed to does not take the camera.
    PushRefused = "push-refused", "see what the server says; check the address and the token of the push";
    /// A worker process ended by itself.
    WorkerGone = "worker-gone", "see the log above for the worker's last words; the next session has a new worker";
    /// A worker process runs no more, though it has not ended.
    WorkerHung = "worker-hung", "it is killed, and the next session has a new one; see the kernel log if it recurs";
    /// A worker process could not be started.
    WorkerUnavailable = "worker-unavailable", "check that shutter-media is installed beside the service and that its plugins load";
    /// A frame on an internal socket that is not of the protocol.
    WireInvalid = "wire-invalid", "shutterd and shutter-media must be of the same version";
    /// A bound was not met.
    Late = "late", "see which step was late in the session's timeline";
    /// The service ended without having ended the session.
    Interrupted = "interrupted", "see the system's log of that time: the service was killed, or the device lost power";
    /// As many viewers as the configuration allows.
    TooManyViewers = "too-many-viewers", "end another session, or raise `max-viewers`";
    /// A lens cover, a privacy switch or a wear sensor keeps the camera closed.
    CameraShut = "camera-shut", "open the lens cover or the privacy switch that is named here, or put the device on";
    /// The device is about to sleep.
    Sleeping = "sleeping", "start again when the device is awake";
    /// The service is shutting down.
    ShuttingDown = "shutting-down", "wait until the service runs again";
    /// No session of that name is alive.
    SessionUnknown = "session-unknown", "the session has ended; start a new one";
}

/// Something that went wrong: a code of the closed list, and what is particular to this case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {detail}", code.name())]
pub struct Fault {
    /// What kind of thing.
    pub code: FaultCode,
    /// The particulars, for a person.
    pub detail: String,
}

impl Fault {
    /// A fault of `code` with its particulars.
    pub fn new(code: FaultCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl std::fmt::Display for FaultCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
