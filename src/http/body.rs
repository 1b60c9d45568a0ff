// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bodies: of a known type, of bounded length, in bounded time.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{MAX_BODY, Problem, RequestFault};

/// How long a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Whether the request's body is of this media type; parameters (`;charset=…`) are let pass.
pub fn is_type(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(media_type))
}

/// Reads a body of at most [`MAX_BODY`] bytes of UTF-8, within ten seconds.
///
/// # Errors
/// `body-too-large`, `body-late`, `body-invalid`.
pub async fn read_text(headers: &HeaderMap, body: Body) -> Result<String, Problem> {
    let too_large = || Problem::request(RequestFault::BodyTooLarge, "the body is over 64 KiB");
    // What is announced as too long need not be read at all.
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_large());
    }
    let body = Limited::new(body, MAX_BODY).collect();
    let bytes = match tokio::time::timeout(BODY_DEADLINE, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(error)) => {
            return Err(Problem::request(RequestFault::BodyInvalid, error.to_string()));
        }
        Err(_) => {
            return Err(Problem::request(RequestFault::BodyLate, "the body took over 10 s"));
        }
    };
    String::from_utf8(bytes.into())
        .map_err(|_| Problem::request(RequestFault::BodyInvalid, "the body is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_of_a_media_type_do_not_matter() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            is_type(&headers, "application/sdp")
        };
        assert!(of("application/sdp"));
        assert!(of("Application/SDP; charset=utf-8"));
        assert!(!of("application/sdpx"));
        assert!(!of("text/plain"));
        assert!(!is_type(&HeaderMap::new(), "application/sdp"));
    }
}
