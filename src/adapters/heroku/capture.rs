//! Making a backup, and waiting until it has ended.
//!
//! The request for a backup is sent once. Where its answer is lost, the list of transfers tells
//! whether a backup has begun: its number is then higher than every number before.

use std::time::Instant;

use super::attachments::DatabaseAttachment;
use super::client::{Api, Heroku, Request};
use super::error::{HerokuError, redacted};
use super::transfers::{Transfer, TransferState, Verbosity};
use crate::events::{Event, Progress, Reporter, Unit};
use crate::secret::Secret;

/// How often the list is read for a backup whose request got no answer.
const LOOKS_FOR_LOST_CAPTURE: u32 = 3;
const LAST_LOG_LINES: usize = 5;

impl Heroku {
    /// The transfers of a database, as opposed to those of another database of the same app.
    ///
    /// They are told apart by host, port and name. Where none is left the database may have moved
    /// since, so that all are given if they come from one source.
    pub async fn transfers_of(
        &self,
        database: &DatabaseAttachment,
    ) -> Result<Vec<Transfer>, HerokuError> {
        let mut transfers = self.transfers(&database.billing_app.name).await?;
        let url = self.database_url(database).await?;
        let is_own = |one: &Transfer| may_be_from(one, url.as_ref());
        if transfers.iter().any(|one| one.is_backup() && is_own(one)) {
            transfers.retain(is_own);
            return Ok(transfers);
        }
        let mut sources: Vec<String> =
            transfers.iter().filter(|one| one.is_backup()).filter_map(source_name).collect();
        sources.sort();
        sources.dedup();
        match sources.len() {
            0 | 1 => Ok(transfers),
            _ => Err(HerokuError::UnclearSource { database: database.addon_name.clone(), sources }),
        }
    }

    /// Starts a backup of a database, whichever environment it belongs to, and does not wait.
    pub async fn start_capture(
        &self,
        database: &DatabaseAttachment,
    ) -> Result<Transfer, HerokuError> {
        let before = self.highest_number(database).await?;
        let path = ["client", "v11", "databases", &database.addon_id, "backups"];
        let what = format!("the request for a backup of {}", database.addon_name);
        match self.post(&Request::new(Api::Data, &path, what), None).await {
            Err(error) if error.leaves_doubt() => self.find_capture(database, before, error).await,
            other => other,
        }
    }

    /// Waits for the end of a transfer of `app`. It is a success only if a read of its final state
    /// says so. `step` is what progress is reported under.
    pub async fn wait_for_transfer(
        &self,
        app: &str,
        transfer: &Transfer,
        step: &'static str,
        reporter: &dyn Reporter,
    ) -> Result<Transfer, HerokuError> {
        let started = Instant::now();
        let mut failed_polls = 0;
        loop {
            match self.transfer(app, &transfer.uuid, Verbosity::Plain).await {
                Ok(seen) => {
                    failed_polls = 0;
                    match seen.state() {
                        TransferState::Completed => return Ok(seen),
                        TransferState::Canceled => {
                            return Err(HerokuError::TransferCanceled { name: seen.name() });
                        }
                        TransferState::Failed => return Err(self.failure(app, &seen).await),
                        TransferState::Pending | TransferState::Running => {
                            reporter.emit(progress(step, &seen));
                        }
                    }
                }
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => {
                    failed_polls += 1;
                    if failed_polls >= self.timing.failed_polls {
                        return Err(HerokuError::lost_sight(transfer, failed_polls, error));
                    }
                }
            }
            if started.elapsed() > self.timing.transfer {
                let limit = self.timing.transfer;
                return Err(HerokuError::TransferTooLong { name: transfer.name(), limit });
            }
            tokio::time::sleep(self.timing.poll).await;
        }
    }

    async fn highest_number(&self, database: &DatabaseAttachment) -> Result<u64, HerokuError> {
        let transfers = self.transfers(&database.billing_app.name).await?;
        Ok(transfers.iter().map(|one| one.num).max().unwrap_or(0))
    }

    async fn find_capture(
        &self,
        database: &DatabaseAttachment,
        before: u64,
        cause: HerokuError,
    ) -> Result<Transfer, HerokuError> {
        let url = self.database_url(database).await?;
        for look in 0..LOOKS_FOR_LOST_CAPTURE {
            if look > 0 {
                tokio::time::sleep(self.timing.poll).await;
            }
            let mut new = self.transfers(&database.billing_app.name).await?;
            new.retain(|one| one.num > before && one.is_backup() && !one.is_scheduled());
            new.retain(|one| may_be_from(one, url.as_ref()));
            match <[Transfer; 1]>::try_from(new) {
                Ok([transfer]) => return Ok(transfer),
                Err(none) if none.is_empty() => {}
                Err(several) => {
                    let names = several.iter().map(Transfer::name).collect();
                    let database = database.addon_name.clone();
                    return Err(HerokuError::CaptureUnclear { database, names });
                }
            }
        }
        let database = database.addon_name.clone();
        Err(HerokuError::CaptureLost { database, cause: Box::new(cause) })
    }

    async fn database_url(
        &self,
        database: &DatabaseAttachment,
    ) -> Result<Option<Secret>, HerokuError> {
        let vars = self.config_vars(&database.app.name).await?;
        Ok(database.config_vars.iter().find_map(|name| vars.get(name).cloned()))
    }

    async fn failure(&self, app: &str, transfer: &Transfer) -> HerokuError {
        let verbose = self.transfer(app, &transfer.uuid, Verbosity::WithLogs).await;
        // The failure is the news: that its log cannot be read does not replace it.
        let logs = verbose.map(|transfer| transfer.logs).unwrap_or_default();
        let last = logs.iter().skip(logs.len().saturating_sub(LAST_LOG_LINES));
        let last_lines = last.map(|line| redacted(&line.message, "")).collect();
        HerokuError::TransferFailed { name: transfer.name(), last_lines }
    }
}

/// Whether asking again cannot help.
fn is_final(error: &HerokuError) -> bool {
    matches!(
        error,
        HerokuError::Unauthorized { .. }
            | HerokuError::TwoFactor { .. }
            | HerokuError::Forbidden { .. }
            | HerokuError::NotFound { .. }
    )
}

/// A transfer that does not tell its source may come from any database. Credentials are rotated,
/// so that only the place is compared.
fn may_be_from(transfer: &Transfer, url: Option<&Secret>) -> bool {
    match (transfer.from_url.as_ref().and_then(place), url.and_then(place)) {
        (Some(from), Some(database)) => from == database,
        _ => true,
    }
}

/// A transfer's source in words that hold no secret.
fn source_name(transfer: &Transfer) -> Option<String> {
    let (host, _, path) = transfer.from_url.as_ref().and_then(place)?;
    Some(format!("{host}{path}"))
}

fn place(url: &Secret) -> Option<(String, Option<u16>, String)> {
    let url = url::Url::parse(url.expose()).ok()?;
    Some((url.host_str()?.to_owned(), url.port(), url.path().to_owned()))
}

fn progress(step: &'static str, transfer: &Transfer) -> Event {
    let current = match transfer.state() {
        TransferState::Pending => format!("{} waits for its turn", transfer.name()),
        _ => format!("{} runs", transfer.name()),
    };
    let done = transfer.processed_bytes.unwrap_or(0);
    // The size of the database is known, but its compressed dump will be smaller.
    Event::StepProgress {
        step,
        progress: Progress { done, total: None, unit: Unit::Bytes, current },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_capture_is_recognised_by_the_place_of_its_database() {
        let from = |url: Option<&str>| {
            let json = serde_json::json!({ "uuid": "u", "num": 1, "from_url": url });
            serde_json::from_value::<Transfer>(json).expect("a transfer")
        };
        let here = Secret::new("postgres://u:new@db.test:5432/one");
        let may_be = |url| may_be_from(&from(url), Some(&here));
        assert!(may_be(Some("postgres://u:old@db.test:5432/one")));
        assert!(!may_be(Some("postgres://u:new@db.test:5432/other")));
        assert!(!may_be(Some("postgres://u:new@elsewhere.test:5432/one")));
        assert!(may_be(None));
        assert!(may_be_from(&from(Some("postgres://h/d")), None));
    }
}
