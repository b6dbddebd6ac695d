//! Maintenance mode, until `open` ends it.

use std::sync::Arc;

use crate::reset::take_over::left_closed;
use crate::reset::values::MAINTENANCE_BEFORE;
use crate::reset::world::World;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind, UndoWay,
};

use super::STAGE;

pub struct Maintenance(pub Arc<World>);

impl Step for Maintenance {
    fn id(&self) -> &'static str {
        "maintenance"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Reversible
    }

    fn describe(&self) -> String {
        format!("Turn maintenance mode of {} on", self.0.app.name())
    }

    fn effects(&self) -> Vec<Effect> {
        vec![Effect::new(format!("visitors of {} see a maintenance page", self.0.app.name()))]
    }

    fn stands_until(&self) -> Option<&'static str> {
        Some("open")
    }

    fn probe<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async move {
            let on = self.0.heroku.app(self.0.app.id()).await?.maintenance;
            context.put_first(&MAINTENANCE_BEFORE, on)?;
            Ok(if on { Probe::Done(Evidence::of("Maintenance is on")) } else { Probe::NotYet })
        })
    }

    fn act<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            self.0.heroku.set_maintenance(&self.0.app, true).await?;
            Ok(Outcome::Done(Evidence::of("Maintenance is on")))
        })
    }

    fn verify<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let on = self.0.heroku.app(self.0.app.id()).await?.maintenance;
            super::must_be(on, || format!("maintenance of {} is off", self.0.app.name()))?;
            Ok(Evidence::new().fact("maintenance", "on"))
        })
    }

    fn undo_way(&self) -> UndoWay {
        UndoWay::Own
    }

    fn undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            if let Some(taken) = left_closed(context)? {
                return Ok(Evidence::of(format!(
                    "Maintenance is on, as run {} left it",
                    taken.run
                )));
            }
            let before = context.get(&MAINTENANCE_BEFORE)?.unwrap_or(false);
            self.0.heroku.set_maintenance(&self.0.app, before).await?;
            let word = if before { "on" } else { "off" };
            Ok(Evidence::of(format!("Maintenance is {word}, as before")))
        })
    }

    fn verify_undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            if left_closed(context)?.is_some() {
                return Ok(Evidence::new().fact("maintenance", "on"));
            }
            let before = context.get(&MAINTENANCE_BEFORE)?.unwrap_or(false);
            let now = self.0.heroku.app(self.0.app.id()).await?.maintenance;
            super::must_be(now == before, || "maintenance mode is not as before".to_owned())?;
            Ok(Evidence::new().fact("maintenance as before", true))
        })
    }

    fn undo_hint(&self, context: &StepContext) -> Option<String> {
        let before = context.get(&MAINTENANCE_BEFORE).ok().flatten()?;
        let app = self.0.app.name();
        (!before).then(|| format!("heroku maintenance:off --app {app}"))
    }
}
