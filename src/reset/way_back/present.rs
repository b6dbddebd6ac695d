//! A backup of staging as it is, made before a rollback replaces anything.

use std::sync::Arc;

use crate::adapters::heroku::{TransferState, Verbosity};
use crate::failure::{CommandError, FailureKind};
use crate::reset::jobs::Wanted;
use crate::reset::values::{BackupTaken, PRESENT_BACKUP};
use crate::reset::world::World;
use crate::runbook::{Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind};
use crate::words;

const CAPTURE: &str = "capture of the present";

pub struct PresentBackup {
    pub world: Arc<World>,
    /// Whether one of an earlier attempt is of no use: staging was in use since.
    pub again: bool,
}

impl Step for PresentBackup {
    fn id(&self) -> &'static str {
        "present-backup"
    }

    fn stage(&self) -> &'static str {
        "rollback"
    }

    fn kind(&self) -> StepKind {
        StepKind::Wait
    }

    fn describe(&self) -> String {
        format!("Capture a backup of {} as it is now", self.world.app.name())
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        // Not even where an earlier attempt has captured one: the act sees how old that is.
        Box::pin(async { Ok(Probe::NotYet) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            if self.again {
                let why = "staging was in use since";
                self.world.forget_ended(context, CAPTURE, Wanted::Backup, why).await?;
            }
            let capturing = self.world.transfer(context, CAPTURE, Wanted::Backup, "present-backup");
            let done = capturing.await?;
            let taken = BackupTaken { name: done.name(), num: done.num, uuid: done.uuid.clone() };
            context.put(&PRESENT_BACKUP, &taken)?;
            let size = words::bytes(done.processed_bytes.unwrap_or_default());
            let summary = format!("Backup {} of the present captured ({size})", taken.name);
            context.note(summary.clone());
            Ok(Outcome::Done(Evidence::of(summary).fact("backup of the present", taken.name)))
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let taken = context.need(&PRESENT_BACKUP)?;
            let owner = self.world.destination_backups();
            let seen = self.world.heroku.transfer(owner, &taken.uuid, Verbosity::Plain).await?;
            if seen.state() != TransferState::Completed {
                let text = format!("backup {} of {owner} is not complete", taken.name);
                return Err(CommandError::new(FailureKind::RemoteJob, text).into());
            }
            Ok(Evidence::new().fact("backup state", "completed"))
        })
    }
}
