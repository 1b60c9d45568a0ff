// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every message that does not belong, and what must come of it.

use std::path::Path;

use hyper::Method;
use proptest::prelude::*;
use serde_json::json;
use shutterd::signalling::websocket::MAX_PROBLEMS;

use crate::fake::Garbled;
use crate::innocent::{Innocents, Past, message};
use crate::outsider::{self, Misdeed};
use crate::service::{Answer, Service};

/// Whose name a message bears.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose {
    Earlier,
    EarlierGeneration,
    LaterGeneration,
    WhepViewers,
    Nobodys,
}

/// What a PATCH of the WHEP session holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patch {
    Doubled,
    OtherTag,
    Restart,
    NotFragment,
    Nonsense,
    TooLong,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Word {
    /// On the WebSocket: of another session. Not looked at.
    Stale(&'static str, Whose),
    /// Once more.
    Again(&'static str),
    /// Breaks off after so many bytes.
    Cut(&'static str, u16),
    Unknown,
    BadAnswer,
    BadCandidate,
    Patch(Patch),
    /// To the WHEP session that has ended.
    PatchEarlier,
    DeleteEarlier,
    /// Under the other camera's name, and a session that never was.
    DeleteElsewhere,
    DeleteNobodys,
    /// By the API: one that has ended ends no other.
    StopEarlier,
    /// A request to end the WHEP session that breaks off after so many bytes; by the control
    /// socket, or by TCP.
    CutDelete(bool, u16),
    /// Half a body, by either.
    CutPatch(bool),
    /// Another viewer, who breaks the protocol of the WebSocket.
    Outsider(Misdeed),
    /// A peer worker of another viewer says what is no report.
    Garbled(Garbled),
}

pub(crate) fn words() -> impl Strategy<Value = Vec<Word>> {
    use Misdeed::*;
    use Patch::*;
    use Whose::*;
    let kind = prop::sample::select(vec!["answer", "candidate", "bye"]);
    let doubled = prop::sample::select(vec!["answer", "candidate"]);
    let whose = prop::sample::select(vec![
        Earlier,
        EarlierGeneration,
        LaterGeneration,
        WhepViewers,
        Nobodys,
    ]);
    let patch =
        prop::sample::select(vec![Doubled, OtherTag, Restart, NotFragment, Nonsense, TooLong]);
    let misdeed = prop::sample::select(vec![TooLarge, Binary, HalfAFrame, TooMany]);
    let garbled = prop_oneof![
        any::<u8>().prop_map(Garbled::Cut),
        Just(Garbled::Oversized),
        Just(Garbled::Foreign),
    ];
    let word = prop_oneof![
        6 => (kind.clone(), whose).prop_map(|(kind, whose)| Word::Stale(kind, whose)),
        2 => doubled.prop_map(Word::Again),
        2 => (kind, any::<u16>()).prop_map(|(kind, at)| Word::Cut(kind, at)),
        1 => Just(Word::Unknown),
        1 => Just(Word::BadAnswer),
        1 => Just(Word::BadCandidate),
        4 => patch.prop_map(Word::Patch),
        1 => Just(Word::PatchEarlier),
        1 => Just(Word::DeleteEarlier),
        1 => Just(Word::DeleteElsewhere),
        1 => Just(Word::DeleteNobodys),
        1 => Just(Word::StopEarlier),
        2 => any::<(bool, u16)>().prop_map(|(control, at)| Word::CutDelete(control, at)),
        1 => any::<bool>().prop_map(Word::CutPatch),
        2 => misdeed.prop_map(Word::Outsider),
        1 => garbled.prop_map(Word::Garbled),
    ];
    prop::collection::vec(word, 1..20)
}

fn fragment(ufrag: &str) -> String {
    format!(
        "a=ice-ufrag:{ufrag}\r\na=ice-pwd:nobodyhasthispassword00\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=end-of-candidates\r\n"
    )
}

const FRAGMENT: (&str, &str) = ("content-type", "application/trickle-ice-sdpfrag");

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (status, &json!(code)));
}

impl Patch {
    async fn send(self, service: &Service, path: &str) {
        let (headers, body) = match self {
            Patch::Doubled => (vec![FRAGMENT], fragment("nobd")),
            Patch::OtherTag => (vec![FRAGMENT, ("if-match", "\"old\"")], fragment("nobd")),
            Patch::Restart => (vec![FRAGMENT], fragment("neWw")),
            Patch::NotFragment => (vec![("content-type", "application/sdp")], fragment("nobd")),
            Patch::Nonsense => (vec![FRAGMENT], "nonsense".to_owned()),
            Patch::TooLong => (vec![FRAGMENT], "x".repeat(70_000)),
        };
        let answer = service.request(Method::PATCH, path, &headers, body).await;
        match self {
            Patch::Doubled => assert_eq!(answer.status, 204, "{answer:?}"),
            Patch::OtherTag => refused(&answer, 412, "ice-session-mismatch"),
            Patch::Restart => refused(&answer, 422, "ice-restart-unsupported"),
            Patch::NotFragment => refused(&answer, 415, "not-sdpfrag"),
            Patch::Nonsense => refused(&answer, 400, "sdp-invalid"),
            Patch::TooLong => refused(&answer, 413, "body-too-large"),
        }
    }
}

impl Word {
    /// Says it, and sees what comes of it.
    pub(crate) async fn say(
        self,
        service: &Service,
        both: &mut Innocents,
        past: &Past,
        directory: &Path,
    ) {
        let [whep, _] = both.ids();
        let patience = both.problems + 1 < MAX_PROBLEMS;
        let delete = async |path: String| service.request(Method::DELETE, &path, &[], "").await;
        match self {
            Word::Stale(kind, whose) => {
                let mut tag = both.tag.clone();
                let generation = tag["generation"].as_u64().unwrap();
                match whose {
                    Whose::Earlier => tag = past.tag.clone(),
                    Whose::EarlierGeneration => tag["generation"] = (generation - 1).into(),
                    Whose::LaterGeneration => tag["generation"] = (generation + 1).into(),
                    Whose::WhepViewers => tag["session"] = whep.into(),
                    Whose::Nobodys => tag["session"] = "0000000000000001".into(),
                }
                both.send(message(kind, &tag)).await;
            }
            Word::Again(kind) => both.send(both.own(kind)).await,
            Word::Cut(kind, at) if patience => {
                let whole = both.own(kind).to_string();
                both.send(&whole[..usize::from(at) % whole.len()]).await;
                both.problem("message-invalid").await;
            }
            Word::Unknown if patience => {
                both.send(both.own("dance")).await;
                both.problem("message-invalid").await;
            }
            Word::BadAnswer if patience => {
                let mut bad = both.own("answer");
                bad["sdp"] = "nonsense".into();
                both.send(bad).await;
                both.problem("sdp-invalid").await;
            }
            Word::BadCandidate if patience => {
                let mut bad = both.own("candidate");
                bad["candidate"]["sdpMLineIndex"] = 99.into();
                both.send(bad).await;
                both.problem("candidate-invalid").await;
            }
            Word::Cut(..) | Word::Unknown | Word::BadAnswer | Word::BadCandidate => {}
            Word::Patch(patch) => patch.send(service, &both.location).await,
            Word::PatchEarlier => {
                let body = fragment("nobd");
                let answer =
                    service.request(Method::PATCH, &past.location, &[FRAGMENT], body).await;
                refused(&answer, 404, "session-unknown");
            }
            Word::DeleteEarlier => {
                let answer = delete(past.location.clone()).await;
                assert_eq!(answer.json()["cause"]["by"], "viewer", "the same as before");
            }
            Word::DeleteElsewhere => {
                refused(&delete(format!("/whep/tail/{whep}")).await, 404, "session-unknown");
            }
            Word::DeleteNobodys => {
                let path = "/whep/head/0000000000000001".to_owned();
                refused(&delete(path).await, 404, "session-unknown");
            }
            Word::StopEarlier => {
                let id = past.tag["session"].as_str().unwrap();
                let answer = delete(format!("/api/v1/sessions/{id}")).await;
                assert_eq!(answer.json()["outcome"]["cause"]["by"], "viewer", "{answer:?}");
            }
            Word::CutDelete(control, at) => {
                let whole = format!(
                    "DELETE {} HTTP/1.1\r\nHost: {}\r\n\r\n",
                    both.location, service.address
                );
                let part = &whole[..usize::from(at) % whole.len()];
                outsider::says_half(service, control, part).await;
            }
            Word::CutPatch(control) => {
                let part = format!(
                    "PATCH {} HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\n\
                     Content-Length: 200\r\n\r\na=candidate:1",
                    both.location, service.address, FRAGMENT.1
                );
                outsider::says_half(service, control, &part).await;
            }
            Word::Outsider(misdeed) => misdeed.commit(service).await,
            Word::Garbled(garbled) => outsider::is_garbled(service, directory, garbled).await,
        }
    }
}
