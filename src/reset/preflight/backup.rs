//! A backup of staging as it is, which a rollback restores.

use std::sync::Arc;

use crate::adapters::heroku::{TransferState, Verbosity};
use crate::failure::{CommandError, FailureKind};
use crate::reset::jobs::{PRESENT_FOR, Wanted};
use crate::reset::values::{BACKUP, BackupTaken, TAKEN_OVER};
use crate::reset::world::World;
use crate::runbook::{Effect, Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind};
use crate::words;

use super::STAGE;

const CAPTURE: &str = "capture";

pub struct Backup(pub Arc<World>);

impl Step for Backup {
    fn id(&self) -> &'static str {
        "backup"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Wait
    }

    fn describe(&self) -> String {
        format!("Capture a backup of {}", self.0.app.name())
    }

    fn effects(&self) -> Vec<Effect> {
        let name = &self.0.database.attachment().addon_name;
        vec![Effect::new(format!("{name} has one more backup"))]
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        // Not even where an earlier attempt has captured one: the act sees how old that is.
        Box::pin(async { Ok(Probe::NotYet) })
    }

    fn outdated(&self, context: &StepContext) -> Option<String> {
        let keeps = context.get(&TAKEN_OVER).ok()?.is_some_and(|taken| taken.keeps_backup);
        let is_filling = |id: &str| context.step(id).may_have_acted;
        if keeps || ["load", "restore", "scrub"].into_iter().any(is_filling) {
            return None;
        }
        let backup = context.get(&BACKUP).ok()??;
        let age = context.age(&BACKUP).filter(|age| *age > PRESENT_FOR)?;
        Some(format!(
            "backup {} is {} old and staging was in use since; bcops captures a new one",
            backup.name,
            words::duration(age)
        ))
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let taken_over = context.get(&TAKEN_OVER)?.filter(|taken| taken.keeps_backup);
            if let (Some(taken), Some(backup)) = (taken_over, context.get(&BACKUP)?) {
                let reason = format!(
                    "run {} left the database half replaced; its backup {} is kept",
                    taken.run, backup.name
                );
                let evidence = Evidence::new().fact("staging's backup", backup.name);
                return Ok(Outcome::Skipped { reason, evidence });
            }
            if self.outdated(context).is_some() {
                self.0
                    .forget_ended(context, CAPTURE, Wanted::Backup, "a newer one is needed")
                    .await?;
            }
            let done = self.0.transfer(context, CAPTURE, Wanted::Backup, "backup").await?;
            let taken = BackupTaken { name: done.name(), num: done.num, uuid: done.uuid.clone() };
            context.put(&BACKUP, &taken)?;
            let size = done.processed_bytes.unwrap_or_default();
            let summary = format!("Backup {} captured ({})", taken.name, words::bytes(size));
            let evidence = Evidence::of(summary)
                .fact("staging's backup", taken.name)
                .fact("bytes of the backup", size);
            Ok(Outcome::Done(evidence))
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let taken = context.need(&BACKUP)?;
            let owner = self.0.destination_backups();
            let seen = self.0.heroku.transfer(owner, &taken.uuid, Verbosity::Plain).await?;
            if seen.state() != TransferState::Completed {
                let text = format!("backup {} of {owner} is not complete", taken.name);
                return Err(CommandError::new(FailureKind::RemoteJob, text).into());
            }
            Ok(Evidence::new().fact("backup state", "completed"))
        })
    }
}
