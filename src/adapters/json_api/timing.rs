//! Decides how long to wait for a service, and when to retry.

use std::time::{Duration, Instant};

use super::error::ApiError;
use crate::adapters::backoff::Backoff;

/// How long each kind of wait may take.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub connect: Duration,
    /// From the first byte sent to the last byte of the answer.
    pub request: Duration,
    /// How often a request is sent in total, where another try may help.
    pub tries: u32,
    /// How long a request is tried in total. A server that asks for a longer wait is an error.
    pub try_for: Duration,
    pub backoff: Backoff,
}

impl Timing {
    /// The same timing with the user's limit for each request, if set.
    pub fn limited(self, request: Option<Duration>) -> Timing {
        let Some(request) = request else { return self };
        Timing { request, try_for: request.saturating_mul(2), ..self }
    }

    /// Tries until success, until another try cannot help, or until a limit is reached, and then
    /// returns the last failure. `once` gets the number of the try, counted from one.
    pub(super) async fn repeat<T, F: Future<Output = Result<T, ApiError>>>(
        self,
        may_repeat: impl Fn(&ApiError) -> bool,
        mut once: impl FnMut(u32) -> F,
    ) -> Result<T, ApiError> {
        let started = Instant::now();
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match once(tries).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let wait = self.backoff.wait(tries).max(error.reason.retry_after.unwrap_or_default());
            let is_over = tries >= self.tries || started.elapsed() + wait > self.try_for;
            if is_over || !may_repeat(&error) {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(15),
            tries: 4,
            try_for: Duration::from_secs(30),
            backoff: Backoff { first: Duration::from_millis(300), longest: Duration::from_secs(5) },
        }
    }
}
