//! Runs backups and restores at Heroku, and starts each only once, even if this process is killed.
//!
//! Heroku's API has no idempotency key. Each request is recorded before it is sent. If no
//! identifier follows in the journal, the list of transfers shows whether the request arrived.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::adapters::heroku::{BackupSource, HerokuError, Transfer, TransferState, Verbosity};
use crate::failure::{CommandError, FailureKind};
use crate::runbook::{Evidence, Job, StepContext, StepError, StepResult, ValueKey};

use super::values::BackupTaken;
use super::world::Reset;

/// Clocks differ, so a transfer from shortly before the request may belong to it.
const SKEW: SignedDuration = SignedDuration::from_secs(120);

/// The highest number of a transfer before the request.
const NEWEST_BEFORE: &str = "newest_before";

/// A backup older than this does not count as a backup of the present.
pub(super) const PRESENT_FOR: Duration = Duration::from_secs(10 * 60);

/// How long a cancelled transfer may take to end.
const CANCELLED_WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A transfer of staging's database.
#[derive(Clone, Copy)]
pub enum Wanted<'a> {
    Backup,
    Restore(&'a BackupSource),
}

impl Wanted<'_> {
    fn fits(&self, transfer: &Transfer) -> bool {
        match self {
            Wanted::Backup => transfer.is_backup() && !transfer.is_scheduled(),
            Wanted::Restore(_) => transfer.is_restore(),
        }
    }

    /// Whether an earlier transfer is too old, because people may have worked on staging since.
    fn is_outdated(&self, transfer: &Transfer, now: Timestamp) -> bool {
        let age = |end: Timestamp| Duration::try_from(now.duration_since(end)).unwrap_or_default();
        matches!(self, Wanted::Backup)
            && transfer.finished_at.is_some_and(|finished| age(finished) > PRESENT_FOR)
    }

    fn what(&self) -> &'static str {
        match self {
            Wanted::Backup => "a backup",
            Wanted::Restore(_) => "a restore",
        }
    }
}

impl Reset {
    /// Completes the job with this name: starts it, or finds the job of an earlier attempt, and
    /// waits. `reporting` is the step that shows the progress.
    pub(super) async fn transfer(
        &self,
        context: &StepContext,
        name: &str,
        wanted: Wanted<'_>,
        reporting: &'static str,
    ) -> StepResult<Transfer> {
        let transfer = match context.job(name) {
            Job::Known { id } => Some(self.known(&id).await?),
            Job::Asked { at, details } => {
                let found = self.find_asked(at, &details, wanted).await?;
                if let Some(found) = &found {
                    context.external(name, &found.uuid)?;
                }
                found
            }
            Job::None => None,
        };
        let transfer = match transfer {
            Some(earlier) if wanted.is_outdated(&earlier, Timestamp::now()) => {
                context.settle(name, "it is more than ten minutes old")?;
                self.ask(context, name, wanted).await?
            }
            Some(earlier) => earlier,
            None => self.ask(context, name, wanted).await?,
        };
        let owner = self.destination_backups();
        let reporter = context.reporter();
        let goes_on = format!("{} {} of {owner} at Heroku", wanted.what(), transfer.name());
        let waiting = async {
            Ok(self.heroku.wait_for_transfer(owner, &transfer, reporting, &*reporter).await?)
        };
        let ended = context.wait_for(&goes_on, waiting).await;
        if let Err(StepError::Failed(_)) = &ended
            && self.has_ended(&transfer).await
        {
            // The next attempt starts a new transfer.
            context.settle(name, "it failed")?;
        }
        ended
    }

    /// Captures a backup of staging, unless an earlier attempt has, and records it under `key`.
    /// Returns the backup and its size.
    pub(super) async fn capture(
        &self,
        context: &StepContext,
        name: &str,
        key: &ValueKey<BackupTaken>,
    ) -> StepResult<(BackupTaken, u64)> {
        let done = self.transfer(context, name, Wanted::Backup, context.step_id()).await?;
        let taken = BackupTaken { name: done.name(), num: done.num, uuid: done.uuid.clone() };
        context.put(key, &taken)?;
        Ok((taken, done.processed_bytes.unwrap_or_default()))
    }

    /// Checks with Heroku that the captured backup is complete.
    pub(super) async fn verify_captured(
        &self,
        context: &StepContext,
        key: &ValueKey<BackupTaken>,
    ) -> StepResult<Evidence> {
        let (taken, owner) = (context.need(key)?, self.destination_backups());
        let seen = self.known(&taken.uuid).await?;
        if seen.state() != TransferState::Completed {
            let text = format!("backup {} of {owner} is not complete", taken.name);
            return Err(StepError::failed(FailureKind::RemoteJob, text));
        }
        Ok(Evidence::new().fact("backup state", "completed"))
    }

    /// Lets the next [`Reset::transfer`] with this name start a new one, unless the earlier one is
    /// still running.
    pub(super) async fn forget_ended(
        &self,
        context: &StepContext,
        name: &str,
        wanted: Wanted<'_>,
        why: &str,
    ) -> StepResult<()> {
        let earlier = match context.job(name) {
            Job::None => return Ok(()),
            Job::Known { id } => self.known(&id).await.ok(),
            Job::Asked { at, details } => match self.find_asked(at, &details, wanted).await? {
                // The request may still arrive, so it is looked for again before the next request.
                None => return Ok(()),
                found => found,
            },
        };
        if earlier.is_some_and(|earlier| is_under_way(&earlier)) {
            return Ok(());
        }
        context.settle(name, why)
    }

    /// Every transfer of the app that owns staging's database, because they are numbered together.
    async fn all_transfers(&self) -> StepResult<Vec<Transfer>> {
        let owner = &self.destination.database.attachment().billing_app.name;
        Ok(self.heroku.transfers(owner).await?)
    }

    /// Cancels the job with this name if the step started it and it is still running, because its
    /// work is to be put back. Returns when the job has ended.
    pub(super) async fn end_transfer(
        &self,
        context: &StepContext,
        name: &str,
        wanted: Wanted<'_>,
    ) -> StepResult<()> {
        let transfer = match context.job(name) {
            Job::None => None,
            Job::Known { id } => Some(self.known(&id).await?),
            Job::Asked { at, details } => self.find_asked(at, &details, wanted).await?,
        };
        let Some(transfer) = transfer.filter(is_under_way) else { return Ok(()) };
        context.note(format!("cancelling {} of this run", transfer.name()));
        let mut now = self.heroku.cancel_transfer(&self.destination.app, &transfer).await?;
        let began = Instant::now();
        while is_under_way(&now) && began.elapsed() < CANCELLED_WITHIN {
            tokio::time::sleep(LOOK_EVERY).await;
            now = self.known(&transfer.uuid).await?;
        }
        Ok(())
    }

    async fn known(&self, id: &str) -> StepResult<Transfer> {
        Ok(self.heroku.transfer(self.destination_backups(), id, Verbosity::Plain).await?)
    }

    async fn has_ended(&self, transfer: &Transfer) -> bool {
        let seen = self.known(&transfer.uuid).await;
        seen.is_ok_and(|seen| seen.finished_at.is_some() || seen.canceled_at.is_some())
    }

    /// The transfer that was requested at this time, if the request has arrived. A transfer from
    /// before the request never counts, however new it is: a restore of production's backup must
    /// never be taken for the one that puts staging's backup back.
    async fn find_asked(
        &self,
        at: Timestamp,
        details: &Value,
        wanted: Wanted<'_>,
    ) -> StepResult<Option<Transfer>> {
        let since = at.checked_sub(SKEW).unwrap_or(at);
        let newest_before = details[NEWEST_BEFORE].as_u64().unwrap_or(0);
        let new = |one: &Transfer| {
            one.num > newest_before && one.created_at.is_some_and(|created| created >= since)
        };
        let transfers = self.all_transfers().await?;
        let mut found: Vec<Transfer> =
            transfers.into_iter().filter(|one| wanted.fits(one) && new(one)).collect();
        found.sort_by_key(|one| one.num);
        match found.len() {
            0 | 1 => Ok(found.pop()),
            _ => {
                let names: Vec<String> = found.iter().map(Transfer::name).collect();
                let text = format!(
                    "cannot find out which of the transfers {} this run started",
                    names.join(", ")
                );
                let error = CommandError::new(FailureKind::RemoteJob, text)
                    .hint(format!("heroku pg:backups --app {}", self.app_name()));
                Err(error.into())
            }
        }
    }

    async fn ask(
        &self,
        context: &StepContext,
        name: &str,
        wanted: Wanted<'_>,
    ) -> StepResult<Transfer> {
        let database = self.destination.database.attachment();
        if let Wanted::Restore(_) = wanted {
            self.refuse_beside_others().await?;
        }
        let newest = self.all_transfers().await?.iter().map(|one| one.num).max().unwrap_or(0);
        let details = json!({
            "what": wanted.what(),
            "database": database.addon_name,
            NEWEST_BEFORE: newest,
        });
        context.intent(name, details)?;
        let asked = match wanted {
            Wanted::Backup => self.heroku.start_capture(database).await,
            Wanted::Restore(source) => {
                self.heroku.start_restore(&self.destination.database, source, &[]).await
            }
        };
        match asked {
            Ok(transfer) => {
                context.external(name, &transfer.uuid)?;
                Ok(transfer)
            }
            Err(error) => {
                if !may_have_begun(&error) {
                    context.settle(name, "it was not accepted")?;
                }
                Err(error.into())
            }
        }
    }

    /// Refuses to start beside another transfer, because two restores into one database at the same
    /// time damage both.
    pub(super) async fn refuse_beside_others(&self) -> StepResult<()> {
        let under_way =
            self.heroku.transfers_under_way(self.destination.database.attachment()).await?;
        if under_way.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = under_way.iter().map(Transfer::name).collect();
        let text = format!(
            "cannot continue: {} is running on the database of {}",
            names.join(", "),
            self.app_name()
        );
        let error = CommandError::new(FailureKind::RemoteJob, text).hint(format!(
            "wait until it ends, or cancel it: heroku pg:backups:cancel --app {}",
            self.app_name()
        ));
        Err(error.into())
    }
}

fn is_under_way(transfer: &Transfer) -> bool {
    matches!(transfer.state(), TransferState::Pending | TransferState::Running)
}

fn may_have_begun(error: &HerokuError) -> bool {
    let unseen =
        matches!(error, HerokuError::TransferUnclear { .. } | HerokuError::TransferLost { .. });
    unseen || error.leaves_doubt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_of_the_present_is_at_most_ten_minutes_old() {
        let transfer = |finished: Option<&str>| -> Transfer {
            serde_json::from_value(json!({
                "uuid": "u", "num": 1, "finished_at": finished, "succeeded": true,
            }))
            .expect("a transfer")
        };
        let now = "2026-11-30T12:00:00Z".parse().expect("a time");
        let recent = transfer(Some("2026-11-30T11:55:00Z"));
        let old = transfer(Some("2026-11-23T12:00:00Z"));
        assert!(!Wanted::Backup.is_outdated(&recent, now));
        assert!(Wanted::Backup.is_outdated(&old, now));
        // A running backup has the present data.
        assert!(!Wanted::Backup.is_outdated(&transfer(None), now));
    }
}
