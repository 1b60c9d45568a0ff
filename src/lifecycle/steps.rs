// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order, written once. The README table, `shutterctl order`, the timeline and every log field
//! use these names and numbers; tests hold them against this file.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A worker process, as the lifecycle sees it: what can be lost, and killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worker {
    /// The process that has the camera open; shared by all sessions of that camera.
    Camera,
    /// The process that talks to one viewer.
    Peer,
}

/// Where a step does its work. Losing a worker fails the steps that are placed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In the camera worker.
    Camera,
    /// In the peer worker.
    Peer,
    /// In both.
    CameraAndPeer,
    /// Outside: the viewer has to say something.
    Signalling,
}

impl Place {
    /// Whether the step needs `worker` to be alive.
    pub fn needs(self, worker: Worker) -> bool {
        match self {
            Place::Camera => worker == Worker::Camera,
            Place::Peer => worker == Worker::Peer,
            Place::CameraAndPeer => true,
            Place::Signalling => false,
        }
    }
}

/// A step that starts a session. Twelve make a session: steps 7 to 9 are
/// `create-offer`, `await-answer`, `set-remote-answer` when the device offers and
/// `set-remote-offer`, `create-answer`, `send-answer` when the viewer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // each is described by its row in STEPS
pub enum Step {
    CreatePeer,
    OpenCamera,
    CreateSource,
    CreateStream,
    AddTracks,
    CreateDataChannel,
    CreateOffer,
    AwaitAnswer,
    SetRemoteAnswer,
    SetRemoteOffer,
    CreateAnswer,
    SendAnswer,
    AddCandidates,
    AwaitConnected,
    EnableTracks,
}

/// A step that ends a session: it undoes what a start step owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // each is described by its row in UNDOS
pub enum Undo {
    DisableTracks,
    DestroySource,
    AwaitCaptureStopped,
    CloseCamera,
    DestroyStream,
    DestroyDataChannel,
    DestroyPeer,
}

/// One row of the start table.
#[derive(Debug)]
pub struct StepRow {
    /// The step.
    pub step: Step,
    /// Its number in the list of twelve.
    pub number: u8,
    /// Its public name.
    pub name: &'static str,
    /// The call of the MLWebRTC list that it stands for.
    pub mlwebrtc: &'static str,
    /// What shutterd does.
    pub does: &'static str,
    /// Where.
    pub place: Place,
    /// How long it may take unless the configuration says otherwise.
    pub deadline: Duration,
    /// The undos that are owed from the moment the step is about to begin.
    pub owes: &'static [Undo],
    /// The steps that must be done before this one may begin, in every order.
    pub after: &'static [Step],
    /// Whether it writes a session description, which webrtcbin writes from the encoded caps:
    /// they come from `create-stream`, or are promised when the camera opens after connecting.
    pub needs_caps: bool,
}

/// One row of the end table. The rows stand in the order in which they run.
#[derive(Debug)]
pub struct UndoRow {
    /// The undo.
    pub undo: Undo,
    /// Its number in the list of seven.
    pub number: u8,
    /// Its public name.
    pub name: &'static str,
    /// The call of the MLWebRTC list that it stands for.
    pub mlwebrtc: &'static str,
    /// What shutterd does.
    pub does: &'static str,
    /// The worker that holds what is undone, and that is killed if the undo fails or is late.
    pub worker: Worker,
    /// How long it may take.
    pub deadline: Duration,
    /// Whether it ends with the *observation* that the worker's resource is gone. After a kill it
    /// runs once more, for that observation alone, within [`KILL_DEADLINE`].
    pub observes: bool,
}

/// How long a killed worker and what it held may take to be gone.
pub const KILL_DEADLINE: Duration = Duration::from_secs(1);

/// How long nothing may be heard of a viewer to whom tracks are enabled before its session ends as
/// `viewer-vanished`. The camera is then observed closed within the teardown's bound.
pub const VIEWER_SILENCE: Duration = Duration::from_secs(5);

/// The same for a viewer that has no data channel, on which it could be asked, and reports no more
/// often than RFC 3550 wants it to.
pub const UNASKED_SILENCE: Duration = Duration::from_secs(15);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The start table.
#[rustfmt::skip]
pub const STEPS: &[StepRow] = {
    use Place::*; use Step::*; use Undo::*;
    &[
    StepRow { step: CreatePeer, number: 1, name: "create-peer", mlwebrtc: "PeerConnection.CreateRemote",
        does: "take the peer worker once it is warm; webrtcbin to READY, handlers connected",
        place: Peer, deadline: ms(10_000), owes: &[DestroyPeer], after: &[], needs_caps: false },
    StepRow { step: OpenCamera, number: 2, name: "open-camera", mlwebrtc: "MLCamera.CreateAndConnect",
        does: "lease the camera; first lease: the oracle says it is free, the source opens it",
        place: Camera, deadline: ms(3000), owes: &[CloseCamera], after: &[], needs_caps: false },
    StepRow { step: CreateSource, number: 3, name: "create-source", mlwebrtc: "MLCameraVideoSource.CreateLocal",
        does: "capture runs; the first frame is seen",
        place: Camera, deadline: ms(3000), owes: &[DestroySource, AwaitCaptureStopped], after: &[OpenCamera], needs_caps: false },
    StepRow { step: CreateStream, number: 4, name: "create-stream", mlwebrtc: "MediaStream.CreateWithAppDefinedVideoTrack",
        does: "the encoder runs; the link to this peer is made; parameter sets are known",
        place: CameraAndPeer, deadline: ms(2000), owes: &[DestroyStream], after: &[CreatePeer, CreateSource], needs_caps: false },
    StepRow { step: AddTracks, number: 5, name: "add-tracks", mlwebrtc: "PeerConnection.AddLocalTrack",
        does: "transceiver with codec preferences, gate shut",
        place: Peer, deadline: ms(1000), owes: &[], after: &[CreatePeer], needs_caps: false },
    StepRow { step: CreateDataChannel, number: 6, name: "create-data-channel", mlwebrtc: "DataChannel.CreateLocal",
        does: "after READY, before the description",
        place: Peer, deadline: ms(1000), owes: &[DestroyDataChannel], after: &[CreatePeer], needs_caps: false },
    StepRow { step: CreateOffer, number: 7, name: "create-offer", mlwebrtc: "PeerConnection.CreateOffer",
        does: "create, set local, send",
        place: Peer, deadline: ms(2000), owes: &[], after: &[AddTracks, CreateDataChannel], needs_caps: true },
    StepRow { step: AwaitAnswer, number: 8, name: "await-answer", mlwebrtc: "wait for answers",
        does: "the viewer's answer, or the deadline",
        place: Signalling, deadline: ms(10_000), owes: &[], after: &[CreateOffer], needs_caps: false },
    StepRow { step: SetRemoteAnswer, number: 9, name: "set-remote-answer", mlwebrtc: "PeerConnection.SetRemoteAnswer",
        does: "apply; refuse with a reason what cannot be applied",
        place: Peer, deadline: ms(2000), owes: &[], after: &[AwaitAnswer], needs_caps: false },
    StepRow { step: SetRemoteOffer, number: 7, name: "set-remote-offer", mlwebrtc: "PeerConnection.SetRemoteOffer",
        does: "apply; refuse with a reason what cannot be applied",
        place: Peer, deadline: ms(2000), owes: &[], after: &[AddTracks], needs_caps: true },
    StepRow { step: CreateAnswer, number: 8, name: "create-answer", mlwebrtc: "PeerConnection.CreateAnswer",
        does: "create, set local",
        place: Peer, deadline: ms(2000), owes: &[], after: &[SetRemoteOffer, CreateDataChannel], needs_caps: true },
    StepRow { step: SendAnswer, number: 9, name: "send-answer", mlwebrtc: "send the answer",
        does: "the answer handed to the viewer's transport",
        place: Signalling, deadline: ms(2000), owes: &[], after: &[CreateAnswer], needs_caps: false },
    StepRow { step: AddCandidates, number: 10, name: "add-candidates", mlwebrtc: "PeerConnection.AddRemoteIceCandidate",
        does: "candidates that came early are applied now, later ones as they come",
        place: Peer, deadline: ms(1000), owes: &[], after: &[CreatePeer], needs_caps: false },
    StepRow { step: AwaitConnected, number: 11, name: "await-connected", mlwebrtc: "wait for connection complete",
        does: "ICE and DTLS up",
        place: Peer, deadline: ms(10_000), owes: &[], after: &[AddCandidates], needs_caps: false },
    StepRow { step: EnableTracks, number: 12, name: "enable-tracks", mlwebrtc: "MediaStream.Track.SetEnabled(true)",
        does: "gate open at a fresh keyframe; the first packet is seen leaving",
        place: CameraAndPeer, deadline: ms(3000), owes: &[DisableTracks], after: &[AwaitConnected, CreateStream], needs_caps: false },
    ]
};

/// The end table, in the order in which it runs.
#[rustfmt::skip]
pub const UNDOS: &[UndoRow] = {
    use Undo::*;
    &[
    UndoRow { undo: DisableTracks, number: 1, name: "disable-tracks", mlwebrtc: "Track.SetEnabled(false)",
        does: "gate shut: not one more frame leaves the device",
        worker: Worker::Peer, deadline: ms(200), observes: false },
    UndoRow { undo: DestroySource, number: 2, name: "destroy-source", mlwebrtc: "MLCameraVideoSource.DestroyLocal",
        does: "capture chain PLAYING, PAUSED, READY",
        worker: Worker::Camera, deadline: ms(1000), observes: false },
    UndoRow { undo: AwaitCaptureStopped, number: 3, name: "await-capture-stopped", mlwebrtc: "wait for the source to stop capturing",
        does: "streaming is off in the driver, no buffer is out",
        worker: Worker::Camera, deadline: ms(1000), observes: false },
    UndoRow { undo: CloseCamera, number: 4, name: "close-camera", mlwebrtc: "MLCamera.Disconnect",
        does: "READY to NULL, worker ended and reaped, the release oracle agrees",
        worker: Worker::Camera, deadline: ms(1000), observes: true },
    UndoRow { undo: DestroyStream, number: 5, name: "destroy-stream", mlwebrtc: "MediaStream.DestroyLocal",
        does: "the link to this peer is gone",
        worker: Worker::Peer, deadline: ms(500), observes: false },
    UndoRow { undo: DestroyDataChannel, number: 6, name: "destroy-data-channel", mlwebrtc: "DataChannel.Destroy",
        does: "closed",
        worker: Worker::Peer, deadline: ms(500), observes: false },
    UndoRow { undo: DestroyPeer, number: 7, name: "destroy-peer", mlwebrtc: "PeerConnection.Destroy",
        does: "goodbye to the viewer, webrtcbin closed, worker ended and reaped",
        worker: Worker::Peer, deadline: ms(2500), observes: true },
    ]
};

impl Step {
    /// The step's row.
    pub fn row(self) -> &'static StepRow {
        &STEPS[self as usize]
    }

    /// The public name, kebab-case.
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

impl Undo {
    /// The undo's row.
    pub fn row(self) -> &'static UndoRow {
        &UNDOS[self as usize]
    }

    /// The public name, kebab-case.
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::fmt::Display for Undo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_at_their_own_index() {
        for (i, row) in STEPS.iter().enumerate() {
            assert_eq!(row.step as usize, i, "{}", row.name);
            assert_eq!(serde_json::to_value(row.step).unwrap(), row.name);
        }
        for (i, row) in UNDOS.iter().enumerate() {
            assert_eq!(row.undo as usize, i, "{}", row.name);
            assert_eq!(usize::from(row.number), i + 1);
            assert_eq!(serde_json::to_value(row.undo).unwrap(), row.name);
        }
    }

    #[test]
    fn every_undo_is_owed_by_exactly_one_step() {
        for undo in UNDOS {
            let owing = STEPS.iter().filter(|s| s.owes.contains(&undo.undo)).count();
            assert_eq!(owing, 1, "{}", undo.name);
        }
    }

    /// The bound the product promises: stop asked → camera observed closed within 3.2 s, plus
    /// [`KILL_DEADLINE`] if a worker had to be killed.
    #[test]
    fn the_camera_closes_within_the_promised_bound() {
        let bound: Duration = UNDOS
            .iter()
            .take_while(|row| row.undo <= Undo::CloseCamera)
            .map(|row| row.deadline)
            .sum();
        assert_eq!(bound, ms(3200));
        assert_eq!(KILL_DEADLINE, ms(1000));
    }
}
