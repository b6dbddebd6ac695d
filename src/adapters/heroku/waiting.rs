//! Waits for the end of a transfer: a backup, a restore or a copy.

use std::time::Instant;

use super::client::Heroku;
use super::error::HerokuError;
use super::timing::FailedPolls;
use super::transfers::{Transfer, TransferState, Verbosity};
use crate::adapters::json_api::Login;
use crate::events::{Event, Progress, Reporter, Unit};

const LAST_LOG_LINES: usize = 5;

impl Heroku {
    /// Waits for the end of a transfer of `app`. Succeeds only if the final state was read and is a
    /// success. Progress is reported under `step`.
    pub async fn wait_for_transfer(
        &self,
        app: &str,
        transfer: &Transfer,
        step: &'static str,
        reporter: &dyn Reporter,
    ) -> Result<Transfer, HerokuError> {
        let started = Instant::now();
        let mut pace = self.timing.pace();
        let mut failed_polls = FailedPolls::default();
        loop {
            let seen = self.transfer(app, &transfer.uuid, Verbosity::Plain).await;
            let unseen =
                |polls, cause| HerokuError::TransferUnseen { name: transfer.name(), polls, cause };
            if let Some(seen) = failed_polls.pass(seen, &self.timing, unseen)? {
                match seen.state() {
                    // It was completed before it was deleted.
                    TransferState::Completed | TransferState::Deleted => return Ok(seen),
                    TransferState::Canceled => {
                        return Err(HerokuError::TransferCanceled { name: seen.name() });
                    }
                    TransferState::Failed => return Err(self.failure(app, &seen).await),
                    TransferState::Pending | TransferState::Running => {
                        reporter.emit(progress(step, &seen));
                    }
                }
            }
            if started.elapsed() > self.timing.transfer {
                let limit = self.timing.transfer;
                return Err(HerokuError::TransferTooLong { name: transfer.name(), limit });
            }
            pace.wait().await;
        }
    }

    async fn failure(&self, app: &str, transfer: &Transfer) -> HerokuError {
        let verbose = self.transfer(app, &transfer.uuid, Verbosity::WithLogs).await;
        // The failure matters more than a log that cannot be read.
        let logs = verbose.map(|transfer| transfer.logs).unwrap_or_default();
        let last = logs.iter().skip(logs.len().saturating_sub(LAST_LOG_LINES));
        let last_lines = last.map(|line| Login::none().plain(&line.message)).collect();
        HerokuError::TransferFailed { name: transfer.name(), last_lines }
    }
}

fn progress(step: &'static str, transfer: &Transfer) -> Event {
    let current = match transfer.state() {
        TransferState::Pending => format!("{} is queued", transfer.name()),
        _ => format!("{} is running", transfer.name()),
    };
    let done = transfer.processed_bytes.unwrap_or(0);
    // No total: the size of the database is known, but its compressed dump is smaller.
    Event::StepProgress {
        step,
        progress: Progress { done, total: None, unit: Unit::Bytes, current },
    }
}
