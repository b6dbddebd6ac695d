//! Runs `migrate`, for the migrations that production does not have yet.

use async_trait::async_trait;

use crate::reset::world::Reset;
use crate::runbook::{Effect, Evidence, Outcome, Step, StepContext, StepResult};

/// The step. It can be repeated, because Django skips applied migrations.
pub struct Migrate;

#[async_trait]
impl Step<Reset> for Migrate {
    fn describe(&self, world: &Reset) -> String {
        format!("Run `{}` on {}", world.settings.commands.migrate, world.app_name())
    }

    fn effects(&self, _world: &Reset) -> Vec<Effect> {
        vec![Effect::new("the database gets the schema of the deployed code")]
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let command = world.settings.commands.migrate.clone();
        let finished = world.run_well(context, &command).await?;
        let output = String::from_utf8_lossy(&finished.output).into_owned();
        let applied = output.lines().filter(|line| line.trim_end().ends_with("... OK")).count();
        for line in output.lines().filter(|line| !line.trim().is_empty()) {
            context.note(format!("migrate: {}", line.trim_end()));
        }
        Ok(Outcome::Done(
            Evidence::of(format!("Migrated: {applied} applied")).fact("migrations", applied),
        ))
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let command = world.settings.commands.migrate_check.clone();
        if command.is_empty() {
            return Ok(Evidence::new());
        }
        world.run_well(context, &command).await?;
        Ok(Evidence::new().fact("unapplied migrations", 0))
    }
}
