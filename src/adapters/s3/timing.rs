//! How long the server is waited for, and how often the SDK sends a request.

use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;

#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub connect: Duration,
    /// Until the head of an answer.
    pub answer: Duration,
    /// Until the head of the answer to a copy or to the end of an upload, which are work.
    pub long_answer: Duration,
    /// Without a byte of a body.
    pub stall: Duration,
}

impl Timing {
    /// With a limit of the user's own for each answer, if there is one.
    pub fn new(limit: Option<Duration>) -> Timing {
        // As other clients: a server that fetches from an archive or a disk may be slow.
        let answer = limit.unwrap_or(Duration::from_secs(60));
        Timing {
            connect: answer.min(Duration::from_secs(10)),
            answer,
            long_answer: Duration::from_secs(300),
            stall: answer,
        }
    }
}

/// About half a minute of waiting in all, each wait at random up to twice the one before.
pub fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(16)
        .with_initial_backoff(Duration::from_millis(200))
        .with_max_backoff(Duration::from_secs(5))
}
