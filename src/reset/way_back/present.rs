//! Captures a backup of the present staging before a rollback replaces anything.

use async_trait::async_trait;

use crate::reset::jobs::Wanted;
use crate::reset::values::PRESENT_BACKUP;
use crate::reset::world::Reset;
use crate::runbook::{Evidence, Outcome, Probe, Step, StepContext, StepResult};
use crate::words;

const CAPTURE: &str = "capture of the present";

pub struct PresentBackup {
    /// Whether a backup of an earlier attempt is too old, because staging was in use since.
    pub again: bool,
}

#[async_trait]
impl Step<Reset> for PresentBackup {
    fn describe(&self, world: &Reset) -> String {
        format!("Capture a backup of {} as it is now", world.app_name())
    }

    async fn probe(&self, _world: &Reset, _context: &StepContext) -> StepResult<Probe> {
        // The act always runs, because it checks the age of a backup from an earlier attempt.
        Ok(Probe::NotYet)
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        if self.again {
            let why = "staging was in use since";
            world.forget_ended(context, CAPTURE, Wanted::Backup, why).await?;
        }
        let (taken, size) = world.capture(context, CAPTURE, &PRESENT_BACKUP).await?;
        let summary =
            format!("Backup {} of the present captured ({})", taken.name, words::bytes(size));
        context.note(summary.clone());
        Ok(Outcome::Done(Evidence::of(summary).fact("backup of the present", taken.name)))
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        world.verify_captured(context, &PRESENT_BACKUP).await
    }
}
