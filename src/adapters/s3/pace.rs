//! Limits how many requests are sent in a second, and how many run at once.
//!
//! The SDK's own adaptive retries slow down only after a refusal. This pace stays below S3's
//! published limits, so almost no request is refused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most requests a second: 95 % of S3's limits for one prefix, 5,500 reads and 3,500 writes. S3
/// refuses more.
const READS: f64 = 5225.0;
const WRITES: f64 = 3325.0;
/// How many requests run at once before the server's speed is known.
const FIRST: usize = 32;
/// A server that answers faster is on this machine or near it, and has no such limits.
const NEAR: Duration = Duration::from_millis(5);
/// How late a request may be sent without lowering the rate.
const LATE: Duration = Duration::from_millis(20);
/// Refusals within this time count as one.
const ONE_SIGN: Duration = Duration::from_millis(500);

/// Decides when a request may be sent.
pub struct Pace {
    reads: Arc<Lane>,
    writes: Arc<Lane>,
}

struct Lane {
    gate: Arc<Semaphore>,
    /// The highest number of requests at once.
    largest: usize,
    /// The highest number of requests a second.
    full_rate: f64,
    state: Mutex<State>,
}

struct State {
    /// The current number of requests that may run at once.
    limit: usize,
    answers: usize,
    /// The shortest time to an answer, which is mostly network latency.
    shortest: Duration,
    rate: f64,
    next: Instant,
    throttled: Option<Instant>,
}

/// Permission for one request, which ends on drop.
pub struct Turn {
    lane: Arc<Lane>,
    began: Instant,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Pace {
    pub fn new(largest: usize) -> Pace {
        let lane = |rate| Arc::new(Lane::new(largest.max(1), rate, Instant::now()));
        Pace { reads: lane(READS), writes: lane(WRITES) }
    }

    /// Waits for a turn.
    pub async fn turn(&self, reads: bool) -> Turn {
        let lane = Arc::clone(if reads { &self.reads } else { &self.writes });
        // The gate is never closed. If it were, no request would wait.
        let permit = Arc::clone(&lane.gate).acquire_owned().await.ok();
        if let Some(moment) = lane.moment(Instant::now()) {
            tokio::time::sleep_until(moment.into()).await;
        }
        Turn { lane, began: Instant::now(), _permit: permit }
    }
}

impl Turn {
    pub fn answered(&self) {
        self.lane.answered(self.began.elapsed());
    }

    pub fn throttled(&self) {
        self.lane.throttled(Instant::now());
    }
}

impl Lane {
    fn new(largest: usize, full_rate: f64, now: Instant) -> Lane {
        let limit = largest.min(FIRST);
        let state = State {
            limit,
            answers: 0,
            shortest: Duration::MAX,
            rate: full_rate,
            next: now,
            throttled: None,
        };
        let gate = Arc::new(Semaphore::new(limit));
        Lane { gate, largest, full_rate, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time for the next request, if not now.
    fn moment(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let is_near = state.answers == 0 || state.shortest < NEAR;
        if is_near && state.throttled.is_none() {
            return None;
        }
        let moment = state.next.max(now.checked_sub(LATE).unwrap_or(now));
        state.next = moment + Duration::from_secs_f64(1.0 / state.rate);
        (moment > now).then_some(moment)
    }

    /// Allows as many requests at once as the full rate needs, judged by the shortest answer. With
    /// fewer, a distant server would be idle most of the time.
    fn answered(&self, after: Duration) {
        let mut state = self.state();
        state.answers += 1;
        state.shortest = state.shortest.min(after);
        state.rate = (state.rate + self.full_rate / 30_000.0).min(self.full_rate);
        // The first answers include the time to connect.
        if state.answers < 2 * FIRST {
            return;
        }
        let needed = (state.shortest.as_secs_f64() * self.full_rate * 1.25) as usize;
        let limit = (FIRST + needed).min(self.largest);
        if limit > state.limit {
            self.gate.add_permits(limit - state.limit);
            state.limit = limit;
        }
    }

    fn throttled(&self, now: Instant) {
        let mut state = self.state();
        if state.throttled.is_some_and(|last| now.duration_since(last) < ONE_SIGN) {
            return;
        }
        state.throttled = Some(now);
        state.rate = (state.rate * 0.7).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_requests_run_at_once_over_a_longer_way() {
        for (milliseconds, limit) in [(1, 38), (30, 227), (50, 320)] {
            let lane = Lane::new(320, READS, Instant::now());
            assert_eq!(lane.gate.available_permits(), 32);
            for _ in 0..64 {
                lane.answered(Duration::from_millis(milliseconds));
            }
            assert_eq!(lane.gate.available_permits(), limit, "{milliseconds} ms");
        }
        assert_eq!(Lane::new(0, READS, Instant::now()).gate.available_permits(), 0);
        assert_eq!(Pace::new(0).reads.gate.available_permits(), 1);
    }

    #[test]
    fn the_rate_is_that_of_s3_or_less() {
        let now = Instant::now();
        let sent = |lane: &Lane| {
            let mut sent = 0;
            while lane.moment(now).is_none_or(|moment| moment < now + Duration::from_secs(1)) {
                sent += 1;
                assert!(sent < 9999, "no limit");
            }
            sent
        };
        let lane = Lane::new(320, READS, now);
        assert_eq!(lane.moment(now), None, "nothing is known yet");
        lane.answered(Duration::from_millis(30));
        assert!((5225..5400).contains(&sent(&lane)));
        // Several refusals at one moment count as one.
        let lane = Lane::new(320, WRITES, now);
        lane.answered(Duration::from_millis(1));
        assert_eq!(lane.moment(now), None);
        lane.throttled(now);
        lane.throttled(now);
        assert!((2327..2450).contains(&sent(&lane)));
    }
}
