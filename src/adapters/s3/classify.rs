//! What an answer that is no success means, and whether the SDK sends the request again.

use std::time::Duration;

use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_smithy_types::retry::ErrorKind;

use super::document;
use super::error::S3Error;

/// What a status and a code mean.
pub fn classify(what: String, status: u16, code: String, message: String) -> S3Error {
    match (status, code.as_str()) {
        (404, "NoSuchBucket") => S3Error::Refused { what, status, code, message },
        (404, _) => S3Error::NotFound { what, code },
        (412, _) => S3Error::Changed { what },
        // A copy's answer begins before the copy has ended, and so with a 200 in any case.
        (200 | 408 | 425 | 429 | 500 | 502 | 503 | 504, _)
        | (
            _,
            "SlowDown" | "RequestTimeout" | "InternalError" | "RequestLimitExceeded"
            // What was sent did not arrive as it was.
            | "BadDigest" | "IncompleteBody" | "XAmzContentSHA256Mismatch"
            // Somebody else is at the same key at this moment.
            | "OperationAborted",
        ) => S3Error::Server { what, status, code, message },
        _ => S3Error::Refused { what, status, code, message },
    }
}

/// Tells the SDK which answers another try may change.
#[derive(Debug)]
pub struct Repeatable;

impl ClassifyRetry for Repeatable {
    fn name(&self) -> &'static str {
        "bcops"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(answer) = context.response().filter(|_| context.is_failed()) else {
            return RetryAction::NoActionIndicated;
        };
        let status = answer.status().as_u16();
        let code = document::element(answer.body().bytes().unwrap_or_default(), "Code");
        let error = classify(String::new(), status, code.unwrap_or_default(), String::new());
        // Of a success, it is the document that cannot be read.
        if !error.is_transient() && !answer.status().is_success() {
            return RetryAction::RetryForbidden;
        }
        let kind = match status {
            429 | 503 => ErrorKind::ThrottlingError,
            _ => ErrorKind::TransientError,
        };
        let asked = answer.headers().get("retry-after").and_then(|text| text.parse().ok());
        match asked.map(Duration::from_secs) {
            Some(wait) => RetryAction::retryable_error_with_explicit_delay(kind, wait),
            None => RetryAction::retryable_error(kind),
        }
    }
}
