//! The way back: staging's own backup from before the run, restored by Heroku.

use crate::failure::{CommandError, FailureKind};
use crate::reset::jobs::Wanted;
use crate::reset::values::BACKUP;
use crate::reset::world::World;
use crate::runbook::{Evidence, Job, StepContext, StepResult};

const RESTORE: &str = "restore of staging's backup";

impl World {
    /// Restores staging's backup, unless nothing has been changed yet.
    pub(super) async fn put_back(
        &self,
        context: &StepContext,
        step: &'static str,
    ) -> StepResult<Evidence> {
        if !context.may_have_acted() && context.get(&BACKUP)?.is_none() {
            return Ok(Evidence::of("The database stays: the run made no backup of it"));
        }
        let backup = context.need(&BACKUP)?;
        let owner = self.destination_backups();
        let source = self.heroku.backup_source(owner, &backup.name).await?;
        // The restore of production's backup, if this run's is still going on.
        self.end_transfer(context, super::restore::RESTORE, Wanted::Restore(&source)).await?;
        self.in_quiet(context, self.transfer(context, RESTORE, Wanted::Restore(&source), step))
            .await?;
        let summary =
            format!("{} is restored from {}", self.database.attachment().addon_name, backup.name);
        Ok(Evidence::of(summary).fact("restored from", backup.name))
    }

    /// The restore's final state was read, and it is what counts.
    pub(super) fn verify_put_back(&self, context: &StepContext) -> StepResult<Evidence> {
        if !context.may_have_acted() && context.get(&BACKUP)?.is_none() {
            return Ok(Evidence::new());
        }
        match context.job(RESTORE) {
            Job::Known { id } => Ok(Evidence::new().fact("restore", id)),
            _ => {
                let text = "staging's backup was not restored";
                Err(CommandError::new(FailureKind::RemoteJob, text).into())
            }
        }
    }

    pub(super) fn put_back_hint(&self, context: &StepContext) -> Option<String> {
        let backup = context.get(&BACKUP).ok().flatten()?;
        let app = self.app.name();
        Some(format!("heroku pg:backups:restore {} DATABASE_URL --app {app}", backup.name))
    }
}
