//! How many requests are under way at once, and how long one is tried.
//!
//! The number grows while all goes well and is halved when the server asks for fewer, so that a
//! bucket that throttles is neither hammered nor given up.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::S3Error;
use crate::adapters::backoff::Backoff;

/// Times and counts, which tests shorten.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub connect: Duration,
    /// Until the head of an answer.
    pub answer: Duration,
    /// Until the head of the answer to a copy or to the end of an upload, which are work.
    pub long_answer: Duration,
    /// Without a byte of a body.
    pub stall: Duration,
    pub backoff: Backoff,
    pub throttled: Backoff,
    /// A request that failed for so long is given up.
    pub patience: Duration,
    pub throttled_patience: Duration,
}

impl Timing {
    /// The same with a limit of the user's own for each answer, if there is one.
    pub fn limited(self, limit: Option<Duration>) -> Timing {
        let Some(limit) = limit else { return self };
        let (answer, stall) = (limit, limit);
        Timing { answer, stall, connect: self.connect.min(limit), ..self }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            connect: Duration::from_secs(10),
            // As other clients: a server that fetches from an archive or a disk may be slow.
            answer: Duration::from_secs(60),
            long_answer: Duration::from_secs(300),
            stall: Duration::from_secs(60),
            backoff: Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(2) },
            throttled: Backoff {
                first: Duration::from_millis(200),
                longest: Duration::from_secs(5),
            },
            patience: Duration::from_secs(9),
            throttled_patience: Duration::from_secs(45),
        }
    }
}

/// The gate that every request passes.
pub struct Pace {
    gate: Semaphore,
    limit: AtomicUsize,
    largest: usize,
    successes: AtomicUsize,
    began: Instant,
    /// Milliseconds since `began`: several failures at one moment are one sign.
    last_halving: AtomicU64,
}

impl Pace {
    pub fn new(largest: usize) -> Pace {
        let largest = largest.max(1);
        let first = largest.min(32);
        Pace {
            gate: Semaphore::new(first),
            limit: AtomicUsize::new(first),
            largest,
            successes: AtomicUsize::new(0),
            began: Instant::now(),
            last_halving: AtomicU64::new(0),
        }
    }

    /// Waits for a turn.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // The gate is never closed; if it were, nobody would have to wait.
        self.gate.acquire().await.ok()
    }

    pub fn succeeded(&self) {
        let limit = self.limit.load(Ordering::Relaxed);
        if limit >= self.largest || self.successes.fetch_add(1, Ordering::Relaxed) < limit {
            return;
        }
        self.successes.store(0, Ordering::Relaxed);
        let grown =
            self.limit.compare_exchange(limit, limit + 1, Ordering::Relaxed, Ordering::Relaxed);
        if grown.is_ok() {
            self.gate.add_permits(1);
        }
    }

    pub fn throttled(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.last_halving.load(Ordering::Relaxed);
        if last != 0 && now.saturating_sub(last) < 500 {
            return;
        }
        self.last_halving.store(now.max(1), Ordering::Relaxed);
        self.successes.store(0, Ordering::Relaxed);
        let limit = self.limit.load(Ordering::Relaxed);
        let target = (limit / 2).max(1);
        // Turns that are taken now cannot be taken back; only as many as are free go.
        let forgotten = self.gate.forget_permits(limit.saturating_sub(target));
        self.limit.fetch_sub(forgotten, Ordering::Relaxed);
    }

    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }
}

/// The failures of one request so far.
pub struct Retry<'a> {
    timing: &'a Timing,
    pace: &'a Pace,
    failures: u32,
    began: Option<Instant>,
}

impl<'a> Retry<'a> {
    pub fn new(timing: &'a Timing, pace: &'a Pace) -> Self {
        Retry { timing, pace, failures: 0, began: None }
    }

    /// Progress was made: what failed before no longer counts.
    pub fn progress(&mut self) {
        self.failures = 0;
        self.began = None;
    }

    /// Waits for the next try, or gives the error back because there is none.
    pub async fn pause(&mut self, error: S3Error) -> Result<(), S3Error> {
        if !error.is_transient() {
            return Err(error);
        }
        let throttled = error.is_throttle();
        // A line that is too slow for so many at once is another way of asking for fewer.
        if throttled || matches!(error, S3Error::Timeout { .. }) {
            self.pace.throttled();
        }
        let (backoff, patience) = if throttled {
            (self.timing.throttled, self.timing.throttled_patience)
        } else {
            (self.timing.backoff, self.timing.patience)
        };
        self.failures += 1;
        let began = *self.began.get_or_insert_with(Instant::now);
        // A wrong clock or region has been put right already.
        let at_once = matches!(error, S3Error::Skewed { .. } | S3Error::OtherRegion { .. });
        if at_once && self.failures < 3 {
            return Ok(());
        }
        // Bytes that are wrong again and again were not damaged on the way.
        let hopeless = matches!(error, S3Error::Corrupt { .. }) && self.failures >= 3;
        let wait = backoff.wait(self.failures);
        let wait = error.retry_after().map_or(wait, |asked| wait.max(asked.min(backoff.longest)));
        if hopeless || began.elapsed() + wait > patience {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_halved_and_grows_again() {
        let pace = Pace::new(64);
        assert_eq!(pace.limit(), 32);
        pace.throttled();
        assert_eq!(pace.limit(), 16);
        // The same moment is one sign.
        pace.throttled();
        assert_eq!(pace.limit(), 16);
        for _ in 0..17 {
            pace.succeeded();
        }
        assert_eq!(pace.limit(), 17);
        assert_eq!(Pace::new(0).limit(), 1);
    }
}
