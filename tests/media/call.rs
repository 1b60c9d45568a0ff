// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call: a camera worker, a peer worker and a viewer, and the steps between them.

use std::time::Instant;

use shutterd::lifecycle::Role;
use shutterd::wire::link::link_pair;
use shutterd::wire::{
    CameraCommand, Codec, Extensions, PeerCommand as P, Promise, Reply, SessionId, VideoTrack,
    ViewerStats,
};

use crate::viewer::{Sight, Viewer, payload};
use crate::worker::{BITRATE, CameraWorker, LinkEnd, PeerWorker, open_camera};

pub(crate) const S: SessionId = SessionId(0x5e55);

pub(crate) struct Call {
    pub(crate) camera: CameraWorker,
    pub(crate) peer: PeerWorker,
    pub(crate) viewer: Viewer,
}

fn sdp(reply: Reply) -> String {
    match reply {
        Reply::Sdp(sdp) => sdp,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn track(codec: Codec, promise: Option<Promise>) -> P {
    let profile = (codec == Codec::H264).then_some("42e01f");
    P::AddTracks { session: S, video: video(codec, payload(codec), profile, promise) }
}

/// A track whose packets are numbered for congestion control.
pub(crate) fn video(
    codec: Codec,
    payload: u8,
    profile: Option<&str>,
    promise: Option<Promise>,
) -> VideoTrack {
    VideoTrack {
        codec,
        payload,
        profile_level_id: profile.map(str::to_owned),
        promise,
        bitrate: BITRATE,
        extensions: Extensions { transport_cc: Some(3), playout_delay: None },
    }
}

pub(crate) async fn open(codec: Codec) -> CameraWorker {
    let mut camera = CameraWorker::camera();
    camera.call(open_camera(codec)).await;
    camera.call(CameraCommand::CreateSource).await;
    camera
}

impl Call {
    pub(crate) async fn new(codec: Codec, role: Role) -> Self {
        let mut peer = PeerWorker::peer();
        let asked = Instant::now();
        peer.call(P::CreatePeer { session: S, role, ice_servers: Vec::new() }).await;
        eprintln!("measured: create-peer {:?}", asked.elapsed());
        Self { camera: open(codec).await, peer, viewer: Viewer::new() }
    }

    /// A call to a viewer that has no data channel, up to its connection.
    pub(crate) async fn connected(codec: Codec) -> Self {
        let mut call = Self::new(codec, Role::Answerer).await;
        call.viewer.watch_video(codec);
        call.create_stream().await;
        call.peer.call(track(codec, None)).await;
        call.answer_the_viewer().await;
        call.connect().await;
        call
    }

    pub(crate) async fn create_stream(&mut self) {
        let (camera, peer) = link_pair().unwrap();
        self.camera.call_with(CameraCommand::Attach { session: S }, camera).await.unwrap();
        let asked = Instant::now();
        self.peer.call_with(P::CreateStream { session: S }, peer).await.unwrap();
        eprintln!("measured: create-stream {:?}", asked.elapsed());
    }

    pub(crate) async fn answer_the_viewer(&mut self) -> String {
        let offer = self.viewer.offer().await;
        let asked = Instant::now();
        self.peer.call(P::SetRemoteOffer { session: S, sdp: offer }).await;
        let set = asked.elapsed();
        let answer = sdp(self.peer.call(P::CreateAnswer { session: S }).await);
        eprintln!("measured: set-remote-offer {set:?}, create-answer {:?}", asked.elapsed() - set);
        self.viewer.set_answer(&answer).await;
        answer
    }

    pub(crate) async fn offer_to_the_viewer(&mut self) -> String {
        let asked = Instant::now();
        let offer = sdp(self.peer.call(P::CreateOffer { session: S }).await);
        eprintln!("measured: create-offer {:?}", asked.elapsed());
        let answer = self.viewer.answer(&offer).await;
        self.peer.call(P::SetRemoteAnswer { session: S, sdp: answer }).await;
        offer
    }

    /// The viewer's candidates go by trickle; ours are in the description.
    pub(crate) async fn connect(&mut self) {
        let asked = Instant::now();
        let waiting = self.peer.send(P::AwaitConnected { session: S }).await;
        let candidates = vec![self.viewer.candidate().await];
        self.peer.call(P::AddCandidates { session: S, candidates }).await;
        self.peer.result(waiting).await.unwrap();
        eprintln!("measured: connected {:?}", asked.elapsed());
    }

    pub(crate) async fn enable(&mut self) {
        assert_eq!(self.viewer.packets(), 0, "packets before enable-tracks");
        self.viewer.sees("its keys", |sight| matches!(sight, Sight::HasKeys).then_some(())).await;
        let asked = Instant::now();
        self.peer.call(P::EnableTracks { session: S }).await;
        eprintln!("measured: enable-tracks to first packet out {:?}", asked.elapsed());
        let first = self.viewer.sees("the first unit", |sight| match sight {
            Sight::FirstUnit { keyframe } => Some(*keyframe),
            _ => None,
        });
        assert!(first.await, "begins with a keyframe");
        eprintln!("measured: enable-tracks to first unit at the viewer {:?}", asked.elapsed());
        self.viewer.receives(30).await;
    }

    pub(crate) async fn stats(&mut self) -> ViewerStats {
        match self.peer.call(P::Stats { session: S }).await {
            Reply::Stats(stats) => stats,
            other => panic!("{other:?}"),
        }
    }

    /// After the report, what the worker counts out stays, and so does what arrives: the camera
    /// and the connection go on meanwhile, which the round trips and the keyframe show.
    pub(crate) async fn disable(&mut self) {
        self.peer.call(P::DisableTracks { session: S }).await;
        let sent = self.stats().await.packets_sent;
        self.viewer.ask_for_keyframe();
        let (camera, ours) = link_pair().unwrap();
        let other = SessionId(0x07e4);
        self.camera.call_with(CameraCommand::Attach { session: other }, camera).await.unwrap();
        let link = LinkEnd::new(ours);
        for _ in 0..20 {
            link.next().await.unwrap();
        }
        assert_eq!(self.stats().await.packets_sent, sent);
        assert!(self.viewer.packets() <= sent, "{} of {sent}", self.viewer.packets());
        self.camera.call(CameraCommand::Detach { session: other }).await;
    }

    /// Ends it; a viewer that is connected is told.
    pub(crate) async fn end(mut self, goodbye: bool) {
        self.peer.call(P::DestroyStream { session: S }).await;
        self.peer.call(P::DestroyDataChannel { session: S }).await;
        let asked = Instant::now();
        self.peer.call(P::DestroyPeer { session: S }).await;
        eprintln!("measured: destroy-peer {:?}", asked.elapsed());
        if goodbye {
            let said = |sight: &Sight| matches!(sight, Sight::Goodbye).then_some(());
            self.viewer.sees("the goodbye", said).await;
            eprintln!("measured: destroy-peer to the viewer's knowing {:?}", asked.elapsed());
        }
        assert_eq!(self.peer.ended().await.code(), Some(0));
        for command in [
            CameraCommand::DestroySource,
            CameraCommand::AwaitCaptureStopped,
            CameraCommand::CloseCamera,
        ] {
            self.camera.call(command).await;
        }
        assert_eq!(self.camera.ended().await.code(), Some(0));
    }
}
