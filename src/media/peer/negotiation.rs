// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptions: made, applied and answered. webrtcbin replies to promises on its own thread; the
//! stage only asks, and nothing waits but the command itself.

use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;
use gst_sdp::{SDPMessage, SDPMessageRef};
use gst_webrtc::{WebRTCSDPType, WebRTCSessionDescription};
use shutterd::lifecycle::{Fault, FaultCode};

use super::connection::{Peer, Scene};
use super::promise::promise;
use super::signs::Signs;
use super::wrong_state;
use crate::media::state::Stage;

/// Host candidates are there within a millisecond of the local description. Whoever does not
/// trickle needs them in it; whoever does gets them as they come, however long this takes.
const HOST_CANDIDATES: Duration = Duration::from_millis(50);

/// The directions a media section can have.
const DIRECTIONS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];

/// Makes the offer or the answer, sets it, and returns it as text.
pub(super) async fn describe(
    stage: &Stage<Scene>,
    signs: &Arc<Signs>,
    kind: WebRTCSDPType,
    trickles: bool,
) -> Result<String, Fault> {
    // webrtcbin writes ssrc, profile and parameter sets only from caps that have reached it.
    signs.await_caps().await;
    let (signal, field) = match kind {
        WebRTCSDPType::Offer => ("create-offer", "offer"),
        _ => ("create-answer", "answer"),
    };
    let (made, reply) = promise();
    on(stage, move |peer| {
        let options = None::<gst::Structure>;
        peer.webrtc.emit_by_name::<()>(signal, &[&options, &made]);
        Ok(())
    })
    .await?;
    let reply = reply.reply(FaultCode::NegotiationFailed).await?;
    let description = reply
        .get::<WebRTCSessionDescription>(field)
        .map_err(|_| failed(format!("webrtcbin made no {field}")))?;
    let description = on(stage, move |peer| Ok(peer.as_ours(&description))).await?;
    takes_video(description.sdp(), &["sendonly", "sendrecv"])?;
    let (set, reply) = promise();
    on(stage, move |peer| {
        peer.webrtc.emit_by_name::<()>("set-local-description", &[&description, &set]);
        Ok(())
    })
    .await?;
    reply.reply(FaultCode::NegotiationFailed).await?;
    if !trickles {
        // The event, or the deadline: then candidates go on as facts.
        let _ = tokio::time::timeout(HOST_CANDIDATES, signs.await_gathered()).await;
    }
    on(stage, |peer| {
        peer.webrtc
            .property::<Option<WebRTCSessionDescription>>("local-description")
            .and_then(|description| description.sdp().as_text().ok())
            .ok_or_else(|| failed("webrtcbin has no local description".into()))
    })
    .await
}

/// Applies the viewer's offer or answer.
pub(super) async fn set_remote(
    stage: &Stage<Scene>,
    signs: &Arc<Signs>,
    kind: WebRTCSDPType,
    text: &str,
) -> Result<(), Fault> {
    let sdp = parse(text)?;
    if kind == WebRTCSDPType::Offer {
        signs.await_caps().await;
    }
    let (set, reply) = promise();
    on(stage, move |peer| {
        if peer.tracks.is_none() {
            return Err(wrong_state("no tracks were added"));
        }
        if kind == WebRTCSDPType::Answer {
            takes_video(&sdp, &["recvonly", "sendrecv"])?;
        }
        let description = WebRTCSessionDescription::new(kind, sdp);
        peer.webrtc.emit_by_name::<()>("set-remote-description", &[&description, &set]);
        Ok(())
    })
    .await?;
    // webrtcbin refuses a description in the wrong state and one it cannot use alike.
    reply.reply(FaultCode::NegotiationFailed).await.map(drop)
}

/// Does `job` to the session's pipeline.
pub(super) async fn on<R: Send + 'static>(
    stage: &Stage<Scene>,
    job: impl FnOnce(&mut Peer) -> Result<R, Fault> + Send + 'static,
) -> Result<R, Fault> {
    stage
        .run(|scene, _| match scene {
            Some(peer) => job(peer),
            None => Err(wrong_state("no peer was created")),
        })
        .await?
}

/// GStreamer's parser takes nearly anything; what webrtcbin needs is looked for here.
fn parse(text: &str) -> Result<SDPMessage, Fault> {
    let invalid = |why: &str| Fault::new(FaultCode::SdpInvalid, why);
    if !text.starts_with("v=0") {
        return Err(invalid("it does not begin with v=0"));
    }
    let sdp = SDPMessage::parse_buffer(text.as_bytes())
        .map_err(|_| invalid("it is no session description"))?;
    if sdp.medias_len() == 0 {
        return Err(invalid("it has no media section"));
    }
    let has = |name: &str| {
        sdp.attribute_val(name).is_some() || sdp.medias().any(|m| m.attribute_val(name).is_some())
    };
    for needed in ["ice-ufrag", "ice-pwd", "fingerprint"] {
        if !has(needed) {
            return Err(invalid(&format!("it has no a={needed}")));
        }
    }
    Ok(sdp)
}

impl Peer {
    /// What webrtcbin described, with what it chooses otherwise than we do.
    fn as_ours(&self, description: &WebRTCSessionDescription) -> WebRTCSessionDescription {
        let mut sdp: SDPMessage = SDPMessageRef::to_owned(description.sdp());
        decline_audio(&mut sdp);
        let offer = self.webrtc.property::<Option<WebRTCSessionDescription>>("remote-description");
        if offer.is_some_and(|offer| leaves_setup_to_us(offer.sdp())) {
            let_viewer_begin(&mut sdp);
        }
        WebRTCSessionDescription::new(description.type_(), sdp)
    }
}

fn leaves_setup_to_us(offer: &SDPMessageRef) -> bool {
    let session = offer.attribute_val("setup");
    offer.medias().all(|m| m.attribute_val("setup").or(session) == Some("actpass"))
}

/// The handshake is begun by the viewer, who knows first that there is a path (it nominates), and
/// whose last word is the third of four flights: from then on we may send. webrtcbin would begin it.
fn let_viewer_begin(answer: &mut SDPMessageRef) {
    for media in answer.medias_mut() {
        let setup = media.attributes().position(|a| a.key() == "setup");
        if let Some(at) = setup.and_then(|at| u32::try_from(at).ok()) {
            // The index was just found.
            let _ = media.remove_attribute(at);
            media.add_attribute("setup", Some("passive"));
        }
    }
}

/// webrtcbin answers an audio section with `recvonly`; nobody here listens.
fn decline_audio(sdp: &mut SDPMessageRef) {
    for media in sdp.medias_mut().filter(|m| m.media() == Some("audio")) {
        let direction = media.attributes().position(|a| DIRECTIONS.contains(&a.key()));
        if let Some(at) = direction.and_then(|at| u32::try_from(at).ok()) {
            // The index was just found.
            let _ = media.remove_attribute(at);
            // Not `None`: GStreamer takes the missing value for a string, and crashes.
            media.add_attribute("inactive", Some(""));
        }
    }
}

/// Whether a video section has one of `directions`; a section without any is `sendrecv`.
fn takes_video(sdp: &SDPMessageRef, directions: &[&str]) -> Result<(), Fault> {
    let takes = sdp.medias().filter(|m| m.media() == Some("video") && m.port() != 0).any(|m| {
        let direction = m.attributes().map(|a| a.key()).find(|key| DIRECTIONS.contains(key));
        directions.contains(&direction.unwrap_or("sendrecv"))
    });
    match takes {
        true => Ok(()),
        false => Err(Fault::new(
            FaultCode::SdpNoVideo,
            "the viewer's description has no video section that takes this stream",
        )),
    }
}

fn failed(detail: String) -> Fault {
    Fault::new(FaultCode::NegotiationFailed, detail)
}
