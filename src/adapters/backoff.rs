//! When to try again.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// Exponential waits with jitter, so that many clients that failed together do not return together.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    pub first: Duration,
    pub longest: Duration,
}

impl Backoff {
    /// The wait after the `failures`-th failure in a row (counted from one): between half of and
    /// the whole of the first wait doubled each time.
    pub fn wait(&self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(self.longest).mul_f64(0.5 + random_fraction() / 2.0)
    }
}

/// A failure after which another try may help.
pub trait Failure {
    /// The least wait before that, which is what the server asked for or nothing; `None` where no
    /// other try can help.
    fn try_again_after(&self) -> Option<Duration>;
}

/// How often something is tried in all, and for how long. A server that asks for a longer wait than
/// that is not waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub tries: u32,
    pub try_for: Duration,
    pub backoff: Backoff,
}

impl Patience {
    /// Tries until it succeeds, until another try cannot help, or until patience is at its end; then
    /// the last failure is the answer.
    pub async fn repeat<T, E: Failure, F: Future<Output = Result<T, E>>>(
        self,
        once: impl FnMut() -> F,
    ) -> Result<T, E> {
        self.repeat_if(|_| true, once).await
    }

    /// The same, where not every failure lets the request be sent again without harm.
    pub async fn repeat_if<T, E: Failure, F: Future<Output = Result<T, E>>>(
        self,
        may_repeat: impl Fn(&E) -> bool,
        mut once: impl FnMut() -> F,
    ) -> Result<T, E> {
        let started = Instant::now();
        let mut failures = 0;
        loop {
            let error = match once().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            failures += 1;
            let asked = error.try_again_after().filter(|_| may_repeat(&error));
            let Some(asked) = asked else { return Err(error) };
            let wait = self.backoff.wait(failures).max(asked);
            if failures >= self.tries || started.elapsed() + wait > self.try_for {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
    }
}

/// A number from 0 to 1. The standard library seeds its hash maps randomly: jitter needs no better.
fn random_fraction() -> f64 {
    f64::from(RandomState::new().hash_one(0_u8) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff =
            Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        for (failures, whole) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (4000, 1000)] {
            let wait = backoff.wait(failures);
            assert!(wait <= Duration::from_millis(whole), "{failures}: {wait:?}");
            assert!(wait >= Duration::from_millis(whole / 2), "{failures}: {wait:?}");
        }
    }
}
