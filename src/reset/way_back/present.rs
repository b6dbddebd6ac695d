//! A backup of staging as it is, made before a rollback replaces anything.

use async_trait::async_trait;

use crate::adapters::heroku::{TransferState, Verbosity};
use crate::failure::{CommandError, FailureKind};
use crate::reset::jobs::Wanted;
use crate::reset::values::{BackupTaken, PRESENT_BACKUP};
use crate::reset::world::Reset;
use crate::runbook::{Evidence, Outcome, Probe, Step, StepContext, StepResult};
use crate::words;

const CAPTURE: &str = "capture of the present";

pub struct PresentBackup {
    /// Whether one of an earlier attempt is of no use: staging was in use since.
    pub again: bool,
}

#[async_trait]
impl Step<Reset> for PresentBackup {
    fn describe(&self, world: &Reset) -> String {
        format!("Capture a backup of {} as it is now", world.destination.app.name())
    }

    async fn probe(&self, _world: &Reset, _context: &StepContext) -> StepResult<Probe> {
        // Not even where an earlier attempt has captured one: the act sees how old that is.
        Ok(Probe::NotYet)
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        if self.again {
            let why = "staging was in use since";
            world.forget_ended(context, CAPTURE, Wanted::Backup, why).await?;
        }
        let capturing = world.transfer(context, CAPTURE, Wanted::Backup, "present-backup");
        let done = capturing.await?;
        let taken = BackupTaken { name: done.name(), num: done.num, uuid: done.uuid.clone() };
        context.put(&PRESENT_BACKUP, &taken)?;
        let size = words::bytes(done.processed_bytes.unwrap_or_default());
        let summary = format!("Backup {} of the present captured ({size})", taken.name);
        context.note(summary.clone());
        Ok(Outcome::Done(Evidence::of(summary).fact("backup of the present", taken.name)))
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let taken = context.need(&PRESENT_BACKUP)?;
        let owner = world.destination_backups();
        let seen = world.heroku.transfer(owner, &taken.uuid, Verbosity::Plain).await?;
        if seen.state() != TransferState::Completed {
            let text = format!("backup {} of {owner} is not complete", taken.name);
            return Err(CommandError::new(FailureKind::RemoteJob, text).into());
        }
        Ok(Evidence::new().fact("backup state", "completed"))
    }
}
