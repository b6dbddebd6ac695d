//! `migrate`, for the migrations that production does not have yet.

use std::sync::Arc;

use crate::reset::world::World;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind, UndoWay,
};

use super::STAGE;

pub struct Migrate {
    pub world: Arc<World>,
    /// The step that puts the whole database back.
    pub undone_with: &'static str,
}

impl Step for Migrate {
    fn id(&self) -> &'static str {
        "migrate"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Reversible
    }

    fn describe(&self) -> String {
        format!("Run `{}` on {}", self.world.settings.commands.migrate, self.world.app.name())
    }

    fn effects(&self) -> Vec<Effect> {
        vec![Effect::new("the database gets the schema of the deployed code")]
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        // What is migrated already is not migrated again: that is Django's to know.
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let command = self.world.settings.commands.migrate.clone();
            let finished = self.world.run_well(context, &command).await?;
            let output = String::from_utf8_lossy(&finished.output).into_owned();
            let applied = output.lines().filter(|line| line.trim_end().ends_with("... OK")).count();
            for line in output.lines().filter(|line| !line.trim().is_empty()) {
                context.note(format!("migrate: {}", line.trim_end()));
            }
            Ok(Outcome::Done(
                Evidence::of(format!("Migrated: {applied} applied")).fact("migrations", applied),
            ))
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let command = self.world.settings.commands.migrate_check.clone();
            if command.is_empty() {
                return Ok(Evidence::new());
            }
            self.world.run_well(context, &command).await?;
            Ok(Evidence::new().fact("unapplied migrations", 0))
        })
    }

    fn undo_way(&self) -> UndoWay {
        UndoWay::With(self.undone_with)
    }
}
