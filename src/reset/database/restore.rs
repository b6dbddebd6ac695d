//! `--restore-via heroku`: Heroku restores the source's backup, personal data and all.

use std::sync::Arc;

use crate::reset::jobs::Wanted;
use crate::reset::world::{Surroundings, World};
use crate::runbook::{
    Effect, Evidence, Job, Outcome, Probe, Step, StepContext, StepFuture, StepKind, UndoWay,
};

use super::{STAGE, restored};

pub(super) const RESTORE: &str = "restore";

pub struct Restore(pub Arc<World>);

impl Step for Restore {
    fn id(&self) -> &'static str {
        "restore"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Destructive
    }

    fn describe(&self) -> String {
        let World { surroundings, choices } = &*self.0;
        let Surroundings { source, app, .. } = surroundings;
        format!("Restore backup {} of {} into {}", choices.backup, source.app.value, app.name())
    }

    fn effects(&self) -> Vec<Effect> {
        let database = &self.0.database.attachment().addon_name;
        vec![
            Effect::new(format!("every row of {database} is replaced")),
            Effect::new("it holds personal data until the next step, behind the quarantine"),
        ]
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let world = &*self.0;
            let owner = &world.source_database.billing_app.name;
            let backup = world.check_backup_of_plan(owner).await?;
            let source = world.heroku.backup_source(owner, &world.choices.backup).await?;
            let restoring = world.transfer(context, RESTORE, Wanted::Restore(&source), "restore");
            let done = world.in_quiet(context, restoring).await?;
            if let Some(incomplete) = restored::missing(world, owner, backup.num).await? {
                // Going on with it would find the same: the next attempt restores anew.
                context.settle(RESTORE, "what it restored is not whole")?;
                return Err(incomplete.into());
            }
            let evidence = Evidence::of(format!("{} restored by Heroku", world.choices.backup))
                .fact("restore", done.name());
            Ok(match done.warnings() {
                0 => Outcome::Done(evidence),
                warnings => Outcome::Warning {
                    text: format!("Heroku's restore {} has {warnings} warnings", done.name()),
                    evidence: evidence.fact("warnings", warnings),
                },
            })
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let Job::Known { id } = context.job(RESTORE) else {
                return Err(crate::runbook::StepError::failed(
                    crate::failure::FailureKind::RemoteJob,
                    "no restore is on record",
                ));
            };
            Ok(Evidence::new().fact("transfer", id))
        })
    }

    fn undo_way(&self) -> UndoWay {
        UndoWay::Own
    }

    fn undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(self.0.put_back(context, "restore"))
    }

    fn verify_undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move { self.0.verify_put_back(context) })
    }

    fn undo_hint(&self, context: &StepContext) -> Option<String> {
        self.0.put_back_hint(context)
    }
}
