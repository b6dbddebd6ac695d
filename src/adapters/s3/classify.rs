//! What an answer that is no success means.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;

use super::error::S3Error;

/// Whether an answer tells that the bucket is in another region.
pub fn names_region(status: StatusCode, code: &str) -> bool {
    status == StatusCode::MOVED_PERMANENTLY
        || status == StatusCode::TEMPORARY_REDIRECT
        || matches!(
            code,
            "AuthorizationHeaderMalformed"
                | "PermanentRedirect"
                | "IllegalLocationConstraintException"
        )
        || (status == StatusCode::BAD_REQUEST && code.starts_with("status "))
}

/// How far this machine's clock is behind a server's, from the server's header.
pub fn seconds_behind(date: &str) -> Option<i64> {
    let server = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(server.duration_since(Timestamp::now()).as_secs())
}

/// What a status and a code mean.
pub fn classify(
    what: String,
    status: StatusCode,
    code: String,
    message: String,
    retry_after: Option<Duration>,
) -> S3Error {
    let number = status.as_u16();
    match (number, code.as_str()) {
        (404, "NoSuchBucket") => S3Error::Refused { what, status: number, code, message },
        (404, _) => S3Error::NotFound { what, code },
        (412, _) => S3Error::Changed { what },
        (408 | 425 | 429 | 500 | 502 | 503 | 504, _)
        | (
            _,
            "SlowDown" | "RequestTimeout" | "InternalError" | "RequestLimitExceeded"
            // What was sent did not arrive as it was.
            | "BadDigest" | "IncompleteBody" | "XAmzContentSHA256Mismatch"
            // Somebody else is at the same key at this moment.
            | "OperationAborted",
        ) => {
            S3Error::Server { what, status: number, code, message, retry_after }
        }
        _ => S3Error::Refused { what, status: number, code, message },
    }
}
