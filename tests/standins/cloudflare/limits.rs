//! Applies the rate limits of each plan, by account.

use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    Free,
    Pro,
    Business,
    Enterprise,
}

impl Plan {
    pub const ALL: [Plan; 4] = [Plan::Free, Plan::Pro, Plan::Business, Plan::Enterprise];

    pub fn name(self) -> &'static str {
        match self {
            Plan::Free => "free",
            Plan::Pro => "pro",
            Plan::Business => "business",
            Plan::Enterprise => "enterprise",
        }
    }

    /// Requests a second and the size of their bucket, for everything except URLs.
    fn requests(self) -> (f64, f64) {
        match self {
            Plan::Free => (5.0 / 60.0, 25.0),
            Plan::Pro => (5.0, 25.0),
            Plan::Business => (10.0, 50.0),
            Plan::Enterprise => (50.0, 500.0),
        }
    }

    pub fn urls_a_second(self) -> f64 {
        match self {
            Plan::Free => 800.0,
            Plan::Pro | Plan::Business => 1500.0,
            Plan::Enterprise => 3000.0,
        }
    }

    /// The most items of one request.
    pub fn most(self, kind: &str) -> usize {
        if self == Plan::Enterprise && kind == "files" { 500 } else { 100 }
    }
}

struct Bucket {
    tokens: f64,
    capacity: f64,
    /// Tokens a second.
    rate: f64,
    at: Instant,
}

/// The headers of an answer.
pub struct Budget {
    pub remaining: u64,
    /// Seconds, rounded up, until the next token.
    pub seconds: u64,
    pub capacity: u64,
}

impl Bucket {
    fn new(rate: f64, capacity: f64) -> Bucket {
        Bucket { tokens: capacity, capacity, rate, at: Instant::now() }
    }

    /// Takes this many tokens, or none and returns the seconds until there are enough.
    fn take(&mut self, count: f64) -> Result<Budget, u64> {
        let now = Instant::now();
        let gained = now.duration_since(self.at).as_secs_f64() * self.rate;
        (self.tokens, self.at) = ((self.tokens + gained).min(self.capacity), now);
        if self.tokens < count {
            return Err(((count - self.tokens) / self.rate).ceil().max(1.0) as u64);
        }
        self.tokens -= count;
        let seconds = ((self.capacity - self.tokens).min(count) / self.rate).ceil() as u64;
        Ok(Budget { remaining: self.tokens as u64, seconds, capacity: self.capacity as u64 })
    }
}

/// Both buckets of an account.
pub struct Limits {
    requests: Bucket,
    urls: Bucket,
}

impl Limits {
    pub fn new(plan: Plan, scale: f64) -> Limits {
        let (rate, capacity) = plan.requests();
        let urls = plan.urls_a_second();
        Limits {
            requests: Bucket::new(rate * scale, capacity),
            urls: Bucket::new(urls * scale, urls),
        }
    }

    pub fn take(&mut self, kind: &str, items: usize) -> Result<Budget, u64> {
        match kind {
            "files" => self.urls.take(items as f64),
            _ => self.requests.take(1.0),
        }
    }
}
