//! Waits for conditions, however long a busy machine takes.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than any condition of a test takes.
const PATIENCE: Duration = Duration::from_secs(120);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Checks repeatedly until the condition is true.
#[track_caller]
pub fn until(what: &str, is_so: impl FnMut() -> bool) {
    within(PATIENCE, what, is_so);
}

/// The same with a limit that the test checks.
#[track_caller]
pub fn within(limit: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < limit, "it never came to this: {what}");
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// The same in an asynchronous task.
pub async fn until_async(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it never came to this: {what}");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}
