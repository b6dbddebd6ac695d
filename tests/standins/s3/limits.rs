//! Limits S3's requests a second for one prefix (5,500 reads and 3,500 writes, more get
//! `SlowDown`), and adds latency.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::requests::Recorded;

/// The part of a second that may come at once.
const BURST: f64 = 0.1;

#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// The latency of a round trip.
    pub latency: Duration,
    /// Requests a second for each prefix. Zero means no limit.
    pub reads: u32,
    pub writes: u32,
}

/// The number of accepted and refused requests since the first one.
#[derive(Debug, Clone, Copy)]
pub struct Count {
    pub served: u64,
    pub refused: u64,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Count {
    /// From the first request to the last.
    pub fn time(&self) -> Duration {
        let between = |(first, last): (Instant, Instant)| last.duration_since(first);
        self.first.zip(self.last).map(between).unwrap_or_default()
    }
}

struct Bucket {
    allowance: f64,
    filled: Instant,
    count: Count,
}

pub struct Meter {
    limits: Mutex<Limits>,
    buckets: Mutex<HashMap<(String, bool), Bucket>>,
}

impl Meter {
    pub fn new(limits: Limits) -> Meter {
        Meter { limits: Mutex::new(limits), buckets: Mutex::default() }
    }

    pub fn set(&self, limits: Limits) {
        *self.limits.lock().expect("no panic") = limits;
        self.buckets.lock().expect("no panic").clear();
    }

    pub fn latency(&self) -> Duration {
        self.limits.lock().expect("no panic").latency
    }

    /// Whether a request is served.
    pub fn lets_through(&self, request: &Recorded) -> bool {
        let limits = *self.limits.lock().expect("no panic");
        let rate = f64::from(if request.writes() { limits.writes } else { limits.reads });
        if rate == 0.0 {
            return true;
        }
        let place = request.place();
        let prefix = place.rsplit_once('/').map_or(place.as_str(), |(prefix, _)| prefix);
        let now = Instant::now();
        let mut buckets = self.buckets.lock().expect("no panic");
        let bucket = buckets.entry((prefix.to_owned(), request.writes())).or_insert(Bucket {
            allowance: rate * BURST,
            filled: now,
            count: Count { served: 0, refused: 0, first: Some(now), last: None },
        });
        let grown = now.duration_since(bucket.filled).as_secs_f64() * rate;
        bucket.allowance = (bucket.allowance + grown).min(rate * BURST);
        bucket.filled = now;
        bucket.count.last = Some(now);
        let served = bucket.allowance >= 1.0;
        if served {
            bucket.allowance -= 1.0;
            bucket.count.served += 1;
        } else {
            bucket.count.refused += 1;
        }
        served
    }

    /// By prefix, and whether they write.
    pub fn counts(&self) -> Vec<(String, bool, Count)> {
        let buckets = self.buckets.lock().expect("no panic");
        let all = buckets.iter().map(|((prefix, writes), b)| (prefix.clone(), *writes, b.count));
        all.collect()
    }
}
