// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is sent to a viewer: the codec that both have, and what is said of it in advance.

use super::Negotiation;
use super::camera::Camera;
use crate::config;
use crate::lifecycle::{Fault, FaultCode};
use crate::wire::{Codec, Extensions, Promise, VideoTrack};

/// The payload type of our video when we offer.
const OFFERED_PAYLOAD: u8 = 96;

/// The numbers of our header extensions when we offer.
const OFFERED_EXTENSIONS: Extensions = Extensions { transport_cc: Some(1), playout_delay: Some(2) };

/// The codec of this session: what the camera encodes now, if the viewer takes it; otherwise the
/// camera's first that the viewer takes.
///
/// # Errors
/// `no-common-codec`; `codec-in-use` when the viewer takes another codec of the camera's.
pub(super) fn choose(camera: &Camera, negotiation: &Negotiation) -> Result<VideoTrack, Fault> {
    let config = camera.config();
    let ours = &config.codecs;
    let in_use = camera.codec_in_use();
    let of_board = |codec| config.board.promise(codec).cloned().unwrap_or_default();
    let made = Promise {
        profile_level_id: of_board(Codec::H264).profile_level_id,
        level_id: of_board(Codec::H265).level_id,
    };
    let of = |codecs: &[Codec]| match negotiation {
        Negotiation::ViewerOffers(offer) => {
            let chosen = offer.choose(codecs, &made)?;
            let promise = promise(config, chosen.codec);
            Ok(VideoTrack {
                codec: chosen.codec,
                payload: chosen.payload,
                profile_level_id: chosen.profile_level_id,
                promise,
                bitrate: config.bitrate,
                extensions: offer.extensions(),
            })
        }
        Negotiation::DeviceOffers(takes) | Negotiation::Push(takes) => codecs
            .iter()
            .find(|codec| takes.contains(codec))
            .map(|&codec| VideoTrack {
                codec,
                payload: OFFERED_PAYLOAD,
                profile_level_id: None,
                promise: promise(config, codec),
                bitrate: config.bitrate,
                extensions: OFFERED_EXTENSIONS,
            })
            .ok_or_else(|| {
                let names = |list: &[Codec]| {
                    list.iter().map(|codec| codec.name()).collect::<Vec<_>>().join(", ")
                };
                let detail =
                    format!("we have {}; the viewer takes {}", names(codecs), names(takes));
                Fault::new(FaultCode::NoCommonCodec, detail)
            }),
    };
    match in_use {
        None => of(ours),
        Some(codec) => of(&[codec]).or_else(|fault| {
            // Would the viewer take another of ours? Then waiting helps, and it is told so.
            of(ours)?;
            let detail =
                format!("{} is encoding {codec} for others: {}", config.name, fault.detail);
            Err(Fault::new(FaultCode::CodecInUse, detail))
        }),
    }
}

/// What the pipeline file promises is needed only while the camera has not run. Of VP8 there is
/// nothing to promise: the empty promise stands for it, and the worker need not wait for a stream.
fn promise(config: &config::Camera, codec: Codec) -> Option<Promise> {
    config
        .camera_opens
        .needs_promise()
        .then(|| config.board.promise(codec).cloned().unwrap_or_default())
}
