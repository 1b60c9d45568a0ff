// SPDX-License-Identifier: MIT OR Apache-2.0
//! Warm-up: a session with nobody, up to its local description. It loads the plugins and makes the
//! DTLS certificate, which otherwise costs the first viewer seconds; afterwards nothing of it is
//! left, no socket and no thread.

use shutterd::lifecycle::{Fault, FaultCode, Role};
use shutterd::wire::{Codec, Extensions, PeerCommand, Promise, SessionId, VideoTrack};

use super::session::Session;
use crate::media::control::Reporter;

/// The session of the warm-up: no viewer's has this number.
pub(super) const NOBODY: SessionId = SessionId(0);

/// Runs it.
pub(super) async fn run() -> Result<(), Fault> {
    let session = NOBODY;
    let mut whole = Session::new(session, Reporter::to_nobody())
        .map_err(|error| Fault::new(FaultCode::WorkerUnavailable, error.to_string()))?;
    let promise = Some(Promise::default());
    let video = VideoTrack {
        codec: Codec::H264,
        payload: 96,
        profile_level_id: None,
        promise,
        bitrate: 1_000_000,
        extensions: Extensions { transport_cc: Some(1), playout_delay: Some(2) },
    };
    let steps = [
        PeerCommand::CreatePeer { session, role: Role::Offerer, ice_servers: Vec::new() },
        PeerCommand::AddTracks { session, video },
        PeerCommand::CreateDataChannel { session },
        PeerCommand::CreateOffer { session },
    ];
    let mut result = Ok(());
    for command in steps {
        result = whole.execute(command, Vec::new()).await.map(drop);
        if result.is_err() {
            break;
        }
    }
    let destroyed = whole.execute(PeerCommand::DestroyPeer { session }, Vec::new()).await;
    result.and(destroyed.map(drop))
}
