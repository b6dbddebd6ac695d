//! How many requests are sent in a second, and how many are under way at once.
//!
//! The SDK's own pace, its adaptive retries, begins when the server has refused something. This one
//! keeps below the limits that S3 publishes, so that a transfer is refused next to nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests a second that are sent at most, 95 in 100 of what S3 takes for one prefix: 5,500 that
/// read and 3,500 that write. It refuses what is more.
const READS: f64 = 5225.0;
const WRITES: f64 = 3325.0;
/// How many requests are under way at once as long as nothing is known of the server.
const FIRST: usize = 32;
/// A server that answers sooner is on this machine or beside it, and has no such limits.
const NEAR: Duration = Duration::from_millis(5);
/// So much later than its time a request may be sent without making the rate smaller.
const LATE: Duration = Duration::from_millis(20);
/// Refusals within this time are one sign.
const ONE_SIGN: Duration = Duration::from_millis(500);

/// When a request may be sent.
pub struct Pace {
    reads: Arc<Lane>,
    writes: Arc<Lane>,
}

struct Lane {
    gate: Arc<Semaphore>,
    /// How many may be under way at once, at most.
    largest: usize,
    /// Requests a second, at most.
    full_rate: f64,
    state: Mutex<State>,
}

struct State {
    /// How many may be under way at once.
    limit: usize,
    answers: usize,
    /// The shortest time to an answer: most of it is the way there and back.
    shortest: Duration,
    rate: f64,
    next: Instant,
    throttled: Option<Instant>,
}

/// The right to have a request under way, which ends when it is dropped.
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
        // The gate is never closed; if it were, nobody would have to wait.
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

    /// When the next request may be sent, if not now.
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

    /// Lets as many be under way at once as a full rate needs, going by the shortest answer: with
    /// fewer, a server far away has nothing to do most of the time.
    fn answered(&self, after: Duration) {
        let mut state = self.state();
        state.answers += 1;
        state.shortest = state.shortest.min(after);
        state.rate = (state.rate + self.full_rate / 30_000.0).min(self.full_rate);
        // The first answers came over connections that were only just made.
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
    fn as_many_are_under_way_as_the_way_is_long() {
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
        // Several refusals at one moment are one sign.
        let lane = Lane::new(320, WRITES, now);
        lane.answered(Duration::from_millis(1));
        assert_eq!(lane.moment(now), None);
        lane.throttled(now);
        lane.throttled(now);
        assert!((2327..2450).contains(&sent(&lane)));
    }
}
