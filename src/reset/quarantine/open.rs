//! The end of the quarantine: dynos as they were, maintenance off, and every site asked. A site that
//! does not answer well goes back into quarantine.

use std::sync::Arc;

use crate::adapters::heroku::Formation;
use crate::error::{CommandError, Kind};
use crate::reset::sites_answer::Down;
use crate::reset::values::{DOWN_BEFORE, FORMATION_BEFORE, MAINTENANCE_BEFORE};
use crate::reset::world::World;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepError, StepFuture, StepKind,
    StepResult, UndoWay,
};
use crate::words;

use super::STAGE;

pub struct Open(pub Arc<World>);

impl Open {
    async fn open(&self, context: &StepContext) -> StepResult<Vec<Down>> {
        let world = &*self.0;
        crate::reset::git::keep_in_force(&self.0, context).await?;
        let before = context.need(&FORMATION_BEFORE)?;
        world.heroku.scale(&world.app, &before).await?;
        world.heroku.wait_for_dynos(world.app.id(), &before, None).await?;
        if context.need(&MAINTENANCE_BEFORE)? {
            return Ok(Vec::new());
        }
        world.heroku.set_maintenance(&world.app, false).await?;
        let down_before = context.get(&DOWN_BEFORE)?.unwrap_or_default();
        let (seen, unjudged) = world.wait_for_sites(context, &down_before).await?;
        if seen.down.is_empty() {
            seen.warnings.into_iter().for_each(|warning| context.warn(warning));
            return Ok(unjudged);
        }
        let problems: Vec<String> =
            seen.down.iter().map(|one| format!("{}: {}", one.url, one.problem)).collect();
        let text = format!("{}; staging is back in quarantine", problems.join("; "));
        Err(CommandError::new(Kind::RemoteJob, text)
            .hint(format!("heroku logs --app {}", world.app.name()))
            .into())
    }

    async fn is_open(&self, context: &StepContext, before: &Formation) -> StepResult<bool> {
        let world = &*self.0;
        let app = world.heroku.app(world.app.id()).await?;
        Ok(world.heroku.formation(world.app.id()).await? == *before
            && app.maintenance == context.get(&MAINTENANCE_BEFORE)?.unwrap_or_default())
    }

    /// Nothing that was said may hide that the quarantine could not be brought back.
    async fn close_again(&self, error: StepError) -> StepError {
        let world = &*self.0;
        let closing = async {
            world.heroku.set_maintenance(&world.app, true).await?;
            let zero = world.heroku.formation(world.app.id()).await?.at_zero();
            world.heroku.scale(&world.app, &zero).await
        };
        match (closing.await, error) {
            (Err(cause), StepError::Failed(error)) => {
                let text = format!("{error}; and the quarantine could not be brought back");
                CommandError::new(error.kind, text).with_cause(cause).into()
            }
            (_, error) => error,
        }
    }
}

impl Step for Open {
    fn id(&self) -> &'static str {
        "open"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Reversible
    }

    fn describe(&self) -> String {
        format!("Start the dynos of {}, end maintenance, ask its sites", self.0.app.name())
    }

    fn effects(&self) -> Vec<Effect> {
        vec![Effect::new(format!("{} is as open as it was before", self.0.app.name()))]
    }

    fn probe<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async move {
            // A run that was killed after it had opened is quarantined again before it goes on.
            let is_open = match context.get(&FORMATION_BEFORE)? {
                Some(before) => self.is_open(context, &before).await?,
                None => false,
            };
            // That the sites answer is for the act to see.
            Ok(if is_open { Probe::CannotTell } else { Probe::NotYet })
        })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let opening = context.wait_for("nothing", self.open(context));
            let unjudged = match opening.await {
                Ok(unjudged) => unjudged,
                Err(error) => return Err(self.close_again(error).await),
            };
            let sites = self.0.destination.sites.len() as u64;
            let before = context.need(&FORMATION_BEFORE)?;
            let evidence = Evidence::of(format!("Open again: {before}"))
                .fact("formation", before.to_string())
                .fact("sites asked", words::plural(sites, "site"));
            if unjudged.is_empty() {
                return Ok(Outcome::Done(evidence));
            }
            let urls: Vec<&str> = unjudged.iter().map(|one| one.url.as_str()).collect();
            let text = format!("{} cannot be reached from here, as before", urls.join(", "));
            Ok(Outcome::Warning { text, evidence })
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let world = &*self.0;
            let (before, was_on) =
                (context.need(&FORMATION_BEFORE)?, context.need(&MAINTENANCE_BEFORE)?);
            let now = world.heroku.formation(world.app.id()).await?;
            super::must_be(now == before, || format!("the formation is {now} and was {before}"))?;
            let on = world.heroku.app(world.app.id()).await?.maintenance;
            super::must_be(on == was_on, || "maintenance mode is not as before".to_owned())?;
            Ok(Evidence::new().fact("maintenance", if on { "on, as before" } else { "off" }))
        })
    }

    fn verify_open_again<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(self.0.ask_after_rollback(context))
    }

    fn undo_way(&self) -> UndoWay {
        // What the quarantine's own steps put back is how it was before.
        UndoWay::With("dynos")
    }
}
