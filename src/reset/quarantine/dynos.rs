//! Every process to zero dynos, until `open` ends it.

use std::sync::Arc;

use serde_json::json;

use crate::adapters::heroku::{Dyno, Formation};
use crate::reset::take_over::left_closed;
use crate::reset::values::{FORMATION_AT_DEPLOY, FORMATION_BEFORE};
use crate::reset::world::World;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind, StepResult, Table,
    UndoWay,
};

use super::STAGE;

pub struct Dynos(pub Arc<World>);

impl Dynos {
    async fn formation(&self) -> StepResult<Formation> {
        Ok(self.0.heroku.formation(self.0.app.id()).await?)
    }

    async fn stop(&self, context: &StepContext) -> StepResult<()> {
        let zero = context.need(&FORMATION_BEFORE)?.at_zero();
        self.0.heroku.scale(&self.0.app, &self.formation().await?.at_zero()).await?;
        self.0.stop_one_off_dynos(context).await?;
        let waiting =
            async { Ok(self.0.heroku.wait_for_dynos(self.0.app.id(), &zero, None).await?) };
        context.wait_for("the dynos stop by themselves", waiting).await
    }
}

impl World {
    /// The formation with the processes that the app has now. A process that it has no more is said.
    pub(super) async fn formation_onto_present(
        &self,
        context: &StepContext,
        before: &Formation,
    ) -> StepResult<Formation> {
        let present = self.heroku.formation(self.app.id()).await?;
        for kind in before.missing_in(&present) {
            let app = self.app.name();
            context.warn(format!("{app} has no process {kind} now; its dynos are not started"));
        }
        Ok(before.onto(&present))
    }
}

impl Step for Dynos {
    fn id(&self) -> &'static str {
        "dynos"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Reversible
    }

    fn describe(&self) -> String {
        format!("Stop every dyno of {}", self.0.app.name())
    }

    fn effects(&self) -> Vec<Effect> {
        vec![Effect::new(format!("no process of {} runs", self.0.app.name()))]
    }

    fn stands_until(&self) -> Option<&'static str> {
        Some("open")
    }

    fn probe<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async move {
            let formation = self.formation().await?;
            if context.get(&FORMATION_BEFORE)?.is_none() {
                // What the new code lacks, a rollback has to start again.
                let at_deploy = context.get(&FORMATION_AT_DEPLOY)?.unwrap_or_default();
                context.put(&FORMATION_BEFORE, &formation.clone().with_missing_of(&at_deploy))?;
            }
            let dynos = self.0.heroku.dynos(self.0.app.id()).await?;
            Ok(match formation.is_at_zero() && dynos.iter().all(Dyno::is_one_off) {
                true => Probe::Done(Evidence::of("No dyno runs")),
                false => Probe::NotYet,
            })
        })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            self.stop(context).await?;
            let before = context.need(&FORMATION_BEFORE)?;
            let mut table = Table::new("Formation before", &["process", "dynos", "size"]);
            for (kind, scale) in &before.0 {
                table = table.row(vec![json!(kind), json!(scale.quantity), json!(scale.size)]);
            }
            let evidence = Evidence::of("No dyno runs").table(table);
            let starters = self.0.starters().await;
            for why in &starters.unknown {
                context.warn(format!("cannot see what starts dynos by itself: {why}"));
            }
            if starters.addons.is_empty() {
                let none = if starters.unknown.is_empty() { "none" } else { "not known" };
                return Ok(Outcome::Done(evidence.fact("scheduler", none)));
            }
            let names: Vec<String> = starters.addons.into_iter().map(|(name, _)| name).collect();
            let names = names.join(", ");
            let text = format!(
                "{names} starts one-off dynos by itself; those that it starts during the \
                 quarantine are stopped"
            );
            Ok(Outcome::Warning { text, evidence: evidence.fact("scheduler", names) })
        })
    }

    fn verify<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let formation = self.formation().await?;
            let dynos = self.0.heroku.dynos(self.0.app.id()).await?;
            let running: Vec<String> =
                dynos.into_iter().filter(|dyno| !dyno.is_one_off()).map(|dyno| dyno.name).collect();
            super::must_be(formation.is_at_zero() && running.is_empty(), || {
                format!("{} still has {formation} ({})", self.0.app.name(), running.join(", "))
            })?;
            Ok(Evidence::new().fact("dynos", 0))
        })
    }

    fn undo_way(&self) -> UndoWay {
        UndoWay::Own
    }

    fn undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let Some(before) = context.get(&FORMATION_BEFORE)? else {
                return Ok(Evidence::of("No dyno was stopped"));
            };
            if let Some(taken) = left_closed(context)? {
                return Ok(Evidence::of(format!("No dyno runs, as run {} left it", taken.run)));
            }
            let wanted = self.0.formation_onto_present(context, &before).await?;
            self.0.heroku.scale(&self.0.app, &wanted).await?;
            let waiting =
                async { Ok(self.0.heroku.wait_for_dynos(self.0.app.id(), &wanted, None).await?) };
            context.wait_for("the dynos start by themselves", waiting).await?;
            Ok(Evidence::of(format!("Dynos are back: {wanted}")))
        })
    }

    fn verify_undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let Some(before) = context.get(&FORMATION_BEFORE)? else { return Ok(Evidence::new()) };
            if left_closed(context)?.is_some() {
                return Ok(Evidence::new().fact("dynos", 0));
            }
            let now = self.formation().await?;
            super::must_be(now == before.onto(&now), || {
                format!("the formation is {now} and was {before}")
            })?;
            Ok(Evidence::new().fact("formation as before", true))
        })
    }

    fn undo_hint(&self, context: &StepContext) -> Option<String> {
        let before = context.get(&FORMATION_BEFORE).ok().flatten()?;
        Some(format!("heroku ps:scale {before} --app {}", self.0.app.name()))
    }
}
