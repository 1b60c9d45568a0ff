// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages: one JSON object in one text message, `type` says which.
//!
//! Every message of either side names its session and generation, so that one that belongs to an
//! earlier session can be told apart and ignored.

use serde::{Deserialize, Serialize};

use crate::http::{Problem, ProblemDocument};
use crate::lifecycle::{Fault, FaultCode, Outcome};
use crate::sdp::{Answer, parse_candidate};
use crate::session::ToViewer;
use crate::wire::{Candidate, SessionId};

/// Which session a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The session.
    pub session: SessionId,
    /// Its generation.
    pub generation: u64,
}

/// What the device sends.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ToPage {
    /// First: which session this connection is.
    Session {
        /// Whose.
        #[serde(flatten)]
        tag: Tag,
        /// The camera's name.
        camera: String,
    },
    /// The offer.
    Offer {
        /// Whose.
        #[serde(flatten)]
        tag: Tag,
        /// The session description.
        sdp: String,
    },
    /// A candidate of the device; an empty one says that there are no more.
    Candidate {
        /// Whose.
        #[serde(flatten)]
        tag: Tag,
        /// The candidate, in the form of `RTCIceCandidateInit`.
        candidate: Candidate,
    },
    /// Frames are leaving.
    Running {
        /// Whose.
        #[serde(flatten)]
        tag: Tag,
    },
    /// Over; a close frame follows.
    Ended {
        /// Whose.
        #[serde(flatten)]
        tag: Tag,
        /// How.
        outcome: Outcome,
    },
    /// There is no session; a close frame follows.
    Refused {
        /// Why.
        problem: ProblemDocument,
    },
    /// A message was not understood; the session goes on.
    Problem {
        /// Whose.
        #[serde(flatten)]
        tag: Tag,
        /// What was wrong.
        problem: ProblemDocument,
    },
}

impl ToPage {
    /// What a session's word is as a message.
    pub fn of(tag: Tag, word: ToViewer) -> Self {
        match word {
            ToViewer::Description(sdp) => ToPage::Offer { tag, sdp },
            ToViewer::Candidate(candidate) => ToPage::Candidate { tag, candidate },
            ToViewer::Running => ToPage::Running { tag },
            ToViewer::Ended(outcome) => ToPage::Ended { tag, outcome },
        }
    }

    /// A problem with a message.
    pub fn problem(tag: Tag, fault: Fault) -> Self {
        ToPage::Problem { tag, problem: Problem::from(fault).document() }
    }
}

/// What a viewer says, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromPage {
    /// The answer to our offer.
    Answer(Answer),
    /// A candidate; an empty one says that there are no more.
    Candidate(Candidate),
    /// Goodbye.
    Bye,
}

/// The form of a viewer's message. Members that are not named here are let pass: a browser's
/// candidate has some.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Form {
    Answer {
        #[serde(flatten)]
        tag: Tag,
        sdp: String,
    },
    Candidate {
        #[serde(flatten)]
        tag: Tag,
        candidate: Option<CandidateForm>,
    },
    Bye {
        #[serde(flatten)]
        tag: Tag,
    },
}

/// `RTCIceCandidate.toJSON()`. Members may be null there.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CandidateForm {
    #[serde(default)]
    candidate: Option<String>,
    #[serde(rename = "sdpMLineIndex", default)]
    mline: Option<u32>,
}

/// The most media sections that a session of ours has: video, audio, data.
const MAX_SECTIONS: u32 = 3;

/// Reads a message and the session that it says it belongs to. What a message of another session
/// holds is not looked at.
///
/// # Errors
/// `message-invalid` when it is not a message of ours; `sdp-invalid`, `sdp-no-video`,
/// `candidate-invalid` when what it holds is not what it says.
pub fn read(text: &str, own: Tag) -> Result<Option<FromPage>, Fault> {
    let form: Form = serde_json::from_str(text)
        .map_err(|error| Fault::new(FaultCode::MessageInvalid, error.to_string()))?;
    let tag = match &form {
        Form::Answer { tag, .. } | Form::Candidate { tag, .. } | Form::Bye { tag } => *tag,
    };
    if tag != own {
        return Ok(None);
    }
    Ok(Some(match form {
        Form::Answer { sdp, .. } => FromPage::Answer(Answer::parse(&sdp)?),
        Form::Candidate { candidate, .. } => {
            let CandidateForm { candidate, mline } = candidate.unwrap_or_default();
            let mline = mline.unwrap_or(0);
            if mline >= MAX_SECTIONS {
                let detail = format!("there is no media section {mline}");
                return Err(Fault::new(FaultCode::CandidateInvalid, detail));
            }
            FromPage::Candidate(parse_candidate(&candidate.unwrap_or_default(), mline)?)
        }
        Form::Bye { .. } => FromPage::Bye,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OWN: Tag = Tag { session: SessionId(0xab), generation: 7 };

    fn refusal(text: &str) -> FaultCode {
        read(text, OWN).unwrap_err().code
    }

    #[test]
    fn messages_of_the_device_are_as_described() {
        let json = |message| serde_json::to_value::<ToPage>(message).unwrap();
        assert_eq!(
            json(ToPage::Session { tag: OWN, camera: "head".into() }),
            serde_json::json!({
                "type": "session", "session": "00000000000000ab", "generation": 7, "camera": "head"
            })
        );
        let candidate = Candidate { candidate: "candidate:1".into(), mline: 0 };
        assert_eq!(
            json(ToPage::of(OWN, ToViewer::Candidate(candidate))),
            serde_json::json!({
                "type": "candidate", "session": "00000000000000ab", "generation": 7,
                "candidate": { "candidate": "candidate:1", "sdpMLineIndex": 0 }
            })
        );
        let offer = json(ToPage::of(OWN, ToViewer::Description("v=0".into())));
        assert_eq!((&offer["type"], &offer["sdp"]), (&"offer".into(), &"v=0".into()));
        let problem = json(ToPage::problem(OWN, Fault::new(FaultCode::SdpInvalid, "no")));
        assert_eq!(problem["problem"]["code"], "sdp-invalid");
        assert_eq!(json(ToPage::of(OWN, ToViewer::Running))["type"], "running");
    }

    #[test]
    fn a_goodbye_is_read() {
        let text = r#"{"type":"bye","session":"00000000000000ab","generation":7}"#;
        assert_eq!(read(text, OWN), Ok(Some(FromPage::Bye)));
    }

    #[test]
    fn messages_of_another_session_are_not_looked_at() {
        for text in [
            r#"{"type":"bye","session":"00000000000000ab","generation":6}"#,
            r#"{"type":"bye","session":"00000000000000ac","generation":7}"#,
            r#"{"type":"answer","session":"00000000000000ac","generation":7,"sdp":"nonsense"}"#,
            r#"{"type":"candidate","session":"00000000000000ab","generation":1,"candidate":null}"#,
        ] {
            assert_eq!(read(text, OWN), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_message_is_refused() {
        for text in [
            "",
            "nonsense",
            "[]",
            "{}",
            r#"{"type":"bye"}"#,
            r#"{"type":"offer","session":"00000000000000ab","generation":7,"sdp":""}"#,
            r#"{"type":"bye","session":"zz","generation":7}"#,
            r#"{"type":"bye","session":"00000000000000ab","generation":-7}"#,
            r#"{"type":"answer","session":"00000000000000ab","generation":7}"#,
        ] {
            assert_eq!(refusal(text), FaultCode::MessageInvalid, "{text}");
        }
        let far = r#"{"type":"candidate","session":"00000000000000ab","generation":7,
            "candidate":{"candidate":"","sdpMLineIndex":4000000000}}"#;
        assert_eq!(refusal(far), FaultCode::CandidateInvalid);
    }

    proptest! {
        #[test]
        fn any_text_is_a_message_or_a_fault(text in ".{0,256}") {
            let _ = read(&text, OWN);
        }

        #[test]
        fn any_object_is_a_message_or_a_fault(
            kind in "(answer|candidate|bye|offer)",
            session in "[0-9a-f]{0,20}",
            generation in any::<u64>(),
            sdp in ".{0,64}",
        ) {
            let text = serde_json::json!({
                "type": kind, "session": session, "generation": generation, "sdp": sdp,
                "candidate": { "candidate": sdp, "sdpMLineIndex": generation },
            });
            let _ = read(&text.to_string(), OWN);
        }
    }
}
