//! Puts the database back: Heroku restores staging's own backup from before the run.

use async_trait::async_trait;

use crate::failure::FailureKind;
use crate::reset::jobs::Wanted;
use crate::reset::values::BACKUP;
use crate::reset::world::Reset;
use crate::runbook::{Evidence, Job, StepContext, StepError, StepResult, Undo};

const RESTORE: &str = "restore of staging's backup";

/// The undo of every step that fills the database.
pub struct StagingsBackup;

#[async_trait]
impl Undo<Reset> for StagingsBackup {
    /// Restores staging's backup, unless nothing has been changed yet.
    async fn undo(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        if is_untouched(context)? {
            return Ok(Evidence::of("The database is unchanged: the run made no backup of it"));
        }
        let backup = context.need(&BACKUP)?;
        let owner = world.destination_backups();
        let source = world.heroku.backup_source(owner, &backup.name).await?;
        let wanted = Wanted::Restore(&source);
        // The run's restore of production's backup may still be running.
        world.end_transfer(context, super::restore::RESTORE, wanted).await?;
        let restoring = world.transfer(context, RESTORE, wanted, context.step_id());
        world.in_quiet(context, restoring).await?;
        let database = &world.destination.database.attachment().addon_name;
        let summary = format!("{database} restored from {}", backup.name);
        Ok(Evidence::of(summary).fact("restored from", backup.name))
    }

    /// Checks that the restore is recorded. Its final state was read before.
    async fn verify_undo(&self, _world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        if is_untouched(context)? {
            return Ok(Evidence::new());
        }
        match context.job(RESTORE) {
            Job::Known { id } => Ok(Evidence::new().fact("restore", id)),
            _ => {
                let text = "staging's backup was not restored";
                Err(StepError::failed(FailureKind::RemoteJob, text))
            }
        }
    }

    fn undo_hint(&self, world: &Reset, context: &StepContext) -> Option<String> {
        let backup = context.get(&BACKUP).ok().flatten()?;
        let app = world.app_name();
        Some(format!("heroku pg:backups:restore {} DATABASE_URL --app {app}", backup.name))
    }
}

fn is_untouched(context: &StepContext) -> StepResult<bool> {
    Ok(!context.may_have_acted() && context.get(&BACKUP)?.is_none())
}
