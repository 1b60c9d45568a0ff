// SPDX-License-Identifier: MIT OR Apache-2.0
//! Problem documents (RFC 9457): every refusal of every interface is one.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::lifecycle::{Cause, Fault, FaultCode, Outcome, StopReason};
use crate::session::Unanswered;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

macro_rules! request_faults {
    ($($(#[$doc:meta])* $variant:ident = $status:ident, $name:literal, $remedy:literal;)*) => {
        /// What can be wrong with a request before any session is asked. A closed list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum RequestFault { $($(#[$doc])* $variant,)* }

        impl RequestFault {
            /// Every one.
            pub const ALL: &'static [RequestFault] = &[$(RequestFault::$variant,)*];

            /// The public name, kebab-case.
            pub fn name(self) -> &'static str {
                match self { $(RequestFault::$variant => $name,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                match self { $(RequestFault::$variant => StatusCode::$status,)* }
            }

            /// What whoever asked can do.
            pub fn remedy(self) -> &'static str {
                match self { $(RequestFault::$variant => $remedy,)* }
            }
        }
    };
}

request_faults! {
    /// The path names nothing.
    NotFound = NOT_FOUND, "not-found", "see the description of the interface for what there is";
    /// The path exists, for other methods.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "use a method that the Allow header lists";
    /// A parameter of the query is not one.
    QueryInvalid = BAD_REQUEST, "query-invalid", "correct the query of the address";
    /// The body is not text in UTF-8, or broke off.
    BodyInvalid = BAD_REQUEST, "body-invalid", "send the whole body, in UTF-8";
    /// The body did not come in time.
    BodyLate = REQUEST_TIMEOUT, "body-late", "send the body without delay";
    /// The body is too long.
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body-too-large", "send at most 64 KiB";
    /// An offer has the type `application/sdp`.
    NotSdp = UNSUPPORTED_MEDIA_TYPE, "not-sdp", "send the offer with Content-Type: application/sdp";
    /// Candidates have the type `application/trickle-ice-sdpfrag`.
    NotFragment = UNSUPPORTED_MEDIA_TYPE, "not-sdpfrag", "send candidates with Content-Type: application/trickle-ice-sdpfrag";
    /// `If-Match` names another ICE session.
    IceSessionMismatch = PRECONDITION_FAILED, "ice-session-mismatch", "send If-Match with the ETag of this session's answer, or leave it out";
    /// The fragment asks for an ICE restart.
    IceRestart = UNPROCESSABLE_ENTITY, "ice-restart-unsupported", "this session goes on; to change the path, end it and start a new one";
    /// The path is a WebSocket's.
    UpgradeRequired = UPGRADE_REQUIRED, "upgrade-required", "open it as a WebSocket";
    /// A page of another origin asked.
    OriginForbidden = FORBIDDEN, "origin-forbidden", "add the page's origin to `allowed-origins` in the configuration";
    /// The Host header names something that this loopback service is not.
    HostForbidden = FORBIDDEN, "host-forbidden", "use localhost or a loopback address, or add the origin to `allowed-origins`";
}

/// What a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemCode {
    /// A fault of the service.
    Fault(FaultCode),
    /// The request itself.
    Request(RequestFault),
}

/// A refusal, on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is about.
    pub code: ProblemCode,
    /// The particulars, for a person.
    pub detail: String,
}

/// A problem document, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDocument {
    /// `urn:shutterd:fault:<code>` or `urn:shutterd:request:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The particulars, for a person.
    pub detail: String,
    /// The code, kebab-case: of the list of faults or of [`RequestFault`].
    pub code: String,
    /// What can be done about it.
    pub remedy: String,
}

/// The HTTP status of a fault. 4xx: the request has to change. 500: somebody has to change the
/// device or its configuration. 503: the same request may succeed later.
pub fn status_of(code: FaultCode) -> StatusCode {
    use FaultCode::*;
    match code {
        SdpInvalid | CandidateInvalid | MessageInvalid => StatusCode::BAD_REQUEST,
        CameraUnknown | SessionUnknown => StatusCode::NOT_FOUND,
        NoCommonCodec => StatusCode::NOT_ACCEPTABLE,
        SdpNoVideo | NegotiationFailed => StatusCode::UNPROCESSABLE_ENTITY,
        PushRefused => StatusCode::BAD_GATEWAY,
        // The session that was asked about is over.
        IceFailed | DtlsClosed | ViewerVanished | SignallingGone | Interrupted => StatusCode::GONE,
        NotACamera | CameraForbidden | CameraFormat | PipelineInvalid | ElementMissing
        | WireInvalid => StatusCode::INTERNAL_SERVER_ERROR,
        CameraBusy | CameraMissing | CameraError | NoFrames | CameraWedged | CodecInUse
        | WorkerGone | WorkerHung | WorkerUnavailable | Late | TooManyViewers | CameraShut
        | Sleeping | ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// After how many seconds it is worth asking again. `None`: waiting alone does not help.
pub fn retry_after(code: FaultCode) -> Option<u32> {
    use FaultCode::*;
    match code {
        WorkerGone | WorkerHung | Late => Some(1),
        CameraBusy | CodecInUse | TooManyViewers | Sleeping | ShuttingDown => Some(5),
        // The latch opens by itself when the oracle sees the node free.
        CameraWedged => Some(10),
        _ => None,
    }
}

impl ProblemCode {
    /// The public name, kebab-case.
    pub fn name(self) -> &'static str {
        match self {
            ProblemCode::Fault(code) => code.name(),
            ProblemCode::Request(fault) => fault.name(),
        }
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            ProblemCode::Fault(code) => status_of(code),
            ProblemCode::Request(fault) => fault.status(),
        }
    }

    /// A header that belongs to this refusal.
    fn header(self) -> Option<(HeaderName, HeaderValue)> {
        let fixed = |name: &'static str, value: &'static str| {
            Some((HeaderName::from_static(name), HeaderValue::from_static(value)))
        };
        match self {
            ProblemCode::Fault(code) => {
                retry_after(code).map(|seconds| (header::RETRY_AFTER, seconds.into()))
            }
            ProblemCode::Request(RequestFault::NotSdp) => fixed("accept-post", "application/sdp"),
            ProblemCode::Request(RequestFault::NotFragment) => {
                fixed("accept-patch", "application/trickle-ice-sdpfrag")
            }
            ProblemCode::Request(RequestFault::UpgradeRequired) => fixed("upgrade", "websocket"),
            ProblemCode::Request(_) => None,
        }
    }
}

impl Problem {
    /// A request that cannot be served.
    pub fn request(fault: RequestFault, detail: impl Into<String>) -> Self {
        Self { code: ProblemCode::Request(fault), detail: detail.into() }
    }

    /// A session that ended before it had anything to show.
    pub fn ended(outcome: &Outcome) -> Self {
        let fault = |code, detail: String| Self { code: ProblemCode::Fault(code), detail };
        match &outcome.cause {
            Cause::StartFailed { step, fault: why } => {
                fault(why.code, format!("{step}: {}", why.detail))
            }
            Cause::StartLate { step } => fault(FaultCode::Late, format!("{step} was late")),
            Cause::Lost { fault: why } => Self::from(why.clone()),
            Cause::Requested { by: StopReason::Shutdown } => {
                fault(FaultCode::ShuttingDown, "the service is ending".into())
            }
            Cause::Requested { by: StopReason::Sleep } => {
                fault(FaultCode::Sleeping, "the device is about to sleep".into())
            }
            Cause::Requested {
                by: by @ (StopReason::LensCover | StopReason::PrivacySwitch | StopReason::Doffed),
            } => fault(FaultCode::CameraShut, format!("shut while it started, by: {}", by.name())),
            Cause::Requested { by } => fault(
                FaultCode::SessionUnknown,
                format!("the session was ended while it started, by: {}", by.name()),
            ),
        }
    }

    /// The document, as it travels.
    pub fn document(&self) -> ProblemDocument {
        let (space, remedy) = match self.code {
            ProblemCode::Fault(code) => ("fault", code.remedy()),
            ProblemCode::Request(fault) => ("request", fault.remedy()),
        };
        let name = self.code.name();
        ProblemDocument {
            kind: format!("urn:shutterd:{space}:{name}"),
            title: name.replace('-', " "),
            status: self.code.status().as_u16(),
            detail: self.detail.clone(),
            code: name.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}

impl From<Unanswered> for Problem {
    fn from(why: Unanswered) -> Self {
        match why {
            Unanswered::Refused(fault) => fault.into(),
            Unanswered::Ended(outcome) => Self::ended(&outcome),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self { code: ProblemCode::Fault(fault.code), detail: fault.detail }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (
            self.code.status(),
            [(header::CONTENT_TYPE, PROBLEM_JSON), (header::CACHE_CONTROL, "no-store")],
            // A document of plain text fields always serializes.
            serde_json::to_vec(&self.document()).unwrap_or_default(),
        )
            .into_response();
        if let Some((name, value)) = self.code.header() {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Step;

    #[test]
    fn every_fault_makes_a_document_that_says_what_to_do() {
        for &code in FaultCode::ALL {
            let problem = Problem::from(Fault::new(code, "because"));
            let document = problem.document();
            assert_eq!(document.kind, format!("urn:shutterd:fault:{code}"));
            assert_eq!(document.remedy, code.remedy());
            assert_eq!(document.detail, "because");
            assert!((400..600).contains(&document.status), "{code}");
            let response = problem.into_response();
            assert_eq!(response.status().as_u16(), document.status);
            assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        }
    }

    #[test]
    fn names_of_request_faults_are_not_those_of_faults() {
        for fault in RequestFault::ALL {
            assert!(FaultCode::ALL.iter().all(|code| code.name() != fault.name()), "{fault:?}");
            assert!(fault.status().is_client_error());
        }
    }

    #[test]
    fn retry_after_comes_only_with_503() {
        for &code in FaultCode::ALL {
            if retry_after(code).is_some() {
                assert_eq!(status_of(code), StatusCode::SERVICE_UNAVAILABLE, "{code}");
            }
        }
        let busy = Problem::from(Fault::new(FaultCode::CameraBusy, "")).into_response();
        assert_eq!(busy.headers()[header::RETRY_AFTER], "5");
    }

    #[test]
    fn an_end_before_the_answer_keeps_its_reason() {
        let ended =
            |cause| Problem::ended(&Outcome { cause, unclean: vec![], held: vec![] }).document();
        let fault = Fault::new(FaultCode::CameraBusy, "held by cheese (pid 12)");
        let document = ended(Cause::StartFailed { step: Step::OpenCamera, fault });
        assert_eq!((document.status, document.code.as_str()), (503, "camera-busy"));
        assert_eq!(document.detail, "open-camera: held by cheese (pid 12)");
        let document = ended(Cause::StartLate { step: Step::CreateSource });
        assert_eq!((document.status, document.detail.as_str()), (503, "create-source was late"));
        let document = ended(Cause::Requested { by: StopReason::Shutdown });
        assert_eq!(document.code, "shutting-down");
    }
}
