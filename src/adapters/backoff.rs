//! Decides when to try again after a failure.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

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
