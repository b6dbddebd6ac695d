//! Captures a backup of staging, which a rollback restores.

use async_trait::async_trait;

use crate::reset::jobs::{PRESENT_FOR, Wanted};
use crate::reset::values::{BACKUP, TAKEN_OVER};
use crate::reset::world::Reset;
use crate::runbook::{Effect, Evidence, Outcome, Probe, Step, StepContext, StepResult};
use crate::words;

const CAPTURE: &str = "capture";

pub struct Backup;

#[async_trait]
impl Step<Reset> for Backup {
    fn describe(&self, world: &Reset) -> String {
        format!("Capture a backup of {}", world.app_name())
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        let name = &world.destination.database.attachment().addon_name;
        vec![Effect::new(format!("{name} gets one more backup"))]
    }

    async fn probe(&self, _world: &Reset, _context: &StepContext) -> StepResult<Probe> {
        // The act always runs, because it checks the age of a backup from an earlier attempt.
        Ok(Probe::NotYet)
    }

    fn outdated(&self, _world: &Reset, context: &StepContext) -> Option<String> {
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

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let taken_over = context.get(&TAKEN_OVER)?.filter(|taken| taken.keeps_backup);
        if let (Some(taken), Some(backup)) = (taken_over, context.get(&BACKUP)?) {
            let reason = format!(
                "run {} left the database half replaced; its backup {} is kept",
                taken.run, backup.name
            );
            let evidence = Evidence::new().fact("staging's backup", backup.name);
            return Ok(Outcome::Skipped { reason, evidence });
        }
        if self.outdated(world, context).is_some() {
            world.forget_ended(context, CAPTURE, Wanted::Backup, "a newer one is needed").await?;
        }
        let (taken, size) = world.capture(context, CAPTURE, &BACKUP).await?;
        let summary = format!("Backup {} captured ({})", taken.name, words::bytes(size));
        let evidence = Evidence::of(summary)
            .fact("staging's backup", taken.name)
            .fact("bytes of the backup", size);
        Ok(Outcome::Done(evidence))
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        world.verify_captured(context, &BACKUP).await
    }
}
