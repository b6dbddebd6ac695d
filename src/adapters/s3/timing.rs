//! Decides how long to wait for the server, and how often the SDK sends a request.

use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;

#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub connect: Duration,
    /// Until the head of an answer.
    pub answer: Duration,
    /// Until the head of the answer to a copy or to the end of an upload, which are long work.
    pub long_answer: Duration,
    /// The longest time without a byte of a body.
    pub stall: Duration,
}

impl Timing {
    /// The timing with the user's limit for each answer, if set.
    pub fn new(limit: Option<Duration>) -> Timing {
        // As in other clients, because a server that reads from an archive or a disk may be slow.
        let answer = limit.unwrap_or(Duration::from_secs(60));
        Timing {
            connect: answer.min(Duration::from_secs(10)),
            answer,
            long_answer: Duration::from_secs(300),
            stall: answer,
        }
    }
}

/// Retries with about half a minute of waiting in total. Each wait is random, up to twice the
/// previous one.
pub fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(16)
        .with_initial_backoff(Duration::from_millis(200))
        .with_max_backoff(Duration::from_secs(5))
}
