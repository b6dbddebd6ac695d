//! Decides when to read a broken or wrong body again, which the SDK cannot do.

use std::time::{Duration, Instant};

use super::error::S3Error;
use crate::adapters::backoff::Backoff;

const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(2) };
/// How long an object may fail without a byte of progress.
const PATIENCE: Duration = Duration::from_secs(9);

/// The failures of one object so far.
#[derive(Default)]
pub struct Retry {
    failures: u32,
    began: Option<Instant>,
}

impl Retry {
    /// Forgets earlier failures after progress.
    pub fn progress(&mut self) {
        *self = Retry::default();
    }

    /// Waits for the next try, or returns the error if there is none.
    pub async fn pause(&mut self, error: S3Error) -> Result<(), S3Error> {
        self.failures += 1;
        let began = *self.began.get_or_insert_with(Instant::now);
        let wait = BACKOFF.wait(self.failures);
        // Bytes that are wrong three times were not damaged in transit.
        let hopeless = matches!(error, S3Error::Corrupt { .. }) && self.failures >= 3;
        if !error.is_broken_reading() || hopeless || began.elapsed() + wait > PATIENCE {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
