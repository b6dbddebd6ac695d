//! Decides what a failed answer means, and whether the SDK repeats the request.

use std::time::Duration;

use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_smithy_types::retry::ErrorKind;

use super::document;
use super::error::S3Error;

/// The meaning of a status and a code.
pub fn classify(what: String, status: u16, code: String, message: String) -> S3Error {
    match (status, code.as_str()) {
        (404, "NoSuchBucket") => S3Error::Refused { what, status, code, message },
        (404, _) => S3Error::NotFound { what, code },
        (412, _) => S3Error::Changed { what },
        // The answer to a copy begins with 200 before the copy has ended, even if it fails later.
        (200 | 408 | 425 | 429 | 500 | 502 | 503 | 504, _)
        | (
            _,
            "SlowDown" | "RequestTimeout" | "InternalError" | "RequestLimitExceeded"
            // The data arrived damaged.
            | "BadDigest" | "IncompleteBody" | "XAmzContentSHA256Mismatch"
            // Another request is changing the same key.
            | "OperationAborted",
        ) => S3Error::Server { what, status, code, message },
        _ => S3Error::Refused { what, status, code, message },
    }
}

/// Tells the SDK which requests to repeat.
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
        // A failed success means that the document cannot be read.
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
