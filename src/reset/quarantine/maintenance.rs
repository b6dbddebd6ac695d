//! Turns on maintenance mode, until `open` ends it.

use async_trait::async_trait;

use crate::reset::closed::Preset;
use crate::reset::take_over::left_closed;
use crate::reset::values::{
    ANSWERED_BEFORE, CLOSED_BEFORE, FORMATION_BEFORE, MAINTENANCE_BEFORE, TAKEN_OVER,
};
use crate::reset::world::Reset;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepError, StepResult, Undo,
};

pub struct Maintenance;

/// Records the state before this run closes staging. The end of the run depends on it.
async fn see_before(world: &Reset, context: &StepContext) -> StepResult<()> {
    if context.get(&ANSWERED_BEFORE)?.is_none() {
        // Preflight was skipped.
        context.wait_for("nothing", world.look_before(context)).await?;
    }
    let preset = Preset {
        formation: context.get(&FORMATION_BEFORE)?,
        run: context.get(&TAKEN_OVER)?.map(|taken| taken.run),
        ..Preset::default()
    };
    let closed = world.closed(&preset).await?;
    let on = closed.as_ref().is_some_and(|closed| closed.maintenance);
    context.put(&CLOSED_BEFORE, &closed)?;
    context.put(&MAINTENANCE_BEFORE, &on)
}

#[async_trait]
impl Step<Reset> for Maintenance {
    fn describe(&self, world: &Reset) -> String {
        format!("Turn on maintenance mode of {}", world.app_name())
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        vec![Effect::new(format!("visitors of {} see a maintenance page", world.app_name()))]
    }

    async fn probe(&self, world: &Reset, context: &StepContext) -> StepResult<Probe> {
        if context.get(&MAINTENANCE_BEFORE)?.is_none() {
            see_before(world, context).await?;
        }
        let on = world.maintenance().await?;
        Ok(if on { Probe::Done(Evidence::of("Maintenance is on")) } else { Probe::NotYet })
    }

    async fn act(&self, world: &Reset, _context: &StepContext) -> StepResult<Outcome> {
        world.heroku.set_maintenance(&world.destination.app, true).await?;
        Ok(Outcome::Done(Evidence::of("Maintenance is on")))
    }

    async fn verify(&self, world: &Reset, _context: &StepContext) -> StepResult<Evidence> {
        let on = world.maintenance().await?;
        StepError::unless(on, || format!("maintenance of {} is off", world.app_name()))?;
        Ok(Evidence::new().fact("maintenance", "on"))
    }
}

#[async_trait]
impl Undo<Reset> for Maintenance {
    async fn undo(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        if let Some(taken) = left_closed(context)? {
            return Ok(Evidence::of(format!(
                "Maintenance is on, as run {} left staging",
                taken.run
            )));
        }
        let before = context.get(&MAINTENANCE_BEFORE)?.unwrap_or(false);
        world.heroku.set_maintenance(&world.destination.app, before).await?;
        let word = if before { "on" } else { "off" };
        Ok(Evidence::of(format!("Maintenance is {word}, as before")))
    }

    async fn verify_undo(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        if left_closed(context)?.is_some() {
            return Ok(Evidence::new().fact("maintenance", "on"));
        }
        let before = context.get(&MAINTENANCE_BEFORE)?.unwrap_or(false);
        let now = world.maintenance().await?;
        StepError::unless(now == before, || {
            "maintenance mode is not in its earlier state".to_owned()
        })?;
        Ok(Evidence::new().fact("maintenance as before", true))
    }

    fn undo_hint(&self, world: &Reset, context: &StepContext) -> Option<String> {
        let before = context.get(&MAINTENANCE_BEFORE).ok().flatten()?;
        let app = world.app_name();
        (!before).then(|| format!("heroku maintenance:off --app {app}"))
    }
}
