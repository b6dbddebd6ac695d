//! Scales every process to zero dynos, until `open` starts them again.

use async_trait::async_trait;
use serde_json::json;

use crate::adapters::heroku::{Dyno, Formation};
use crate::reset::take_over::left_closed;
use crate::reset::values::{FORMATION_AT_DEPLOY, FORMATION_BEFORE};
use crate::reset::world::Reset;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepError, StepResult, Table, Undo,
};

pub struct Dynos;

async fn stop(world: &Reset, context: &StepContext) -> StepResult<()> {
    let zero = context.need(&FORMATION_BEFORE)?.at_zero();
    world.heroku.scale(&world.destination.app, &world.formation().await?.at_zero()).await?;
    world.stop_one_off_dynos(context).await?;
    let waiting =
        async { Ok(world.heroku.wait_for_dynos(world.destination.app.id(), &zero, None).await?) };
    context.wait_for("stopping the dynos", waiting).await
}

impl Reset {
    /// The formation, limited to the processes that the app has now. A missing process is a
    /// warning.
    pub(super) async fn formation_onto_present(
        &self,
        context: &StepContext,
        before: &Formation,
    ) -> StepResult<Formation> {
        let present = self.formation().await?;
        for kind in before.missing_in(&present) {
            let app = self.app_name();
            context.warn(format!("{app} has no process {kind} now; its dynos are not started"));
        }
        Ok(before.onto(&present))
    }
}

#[async_trait]
impl Step<Reset> for Dynos {
    fn describe(&self, world: &Reset) -> String {
        format!("Stop every dyno of {}", world.app_name())
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        vec![Effect::new(format!("no process of {} is running", world.app_name()))]
    }

    async fn probe(&self, world: &Reset, context: &StepContext) -> StepResult<Probe> {
        let formation = world.formation().await?;
        if context.get(&FORMATION_BEFORE)?.is_none() {
            // A rollback has to start the processes that the new code does not have.
            let at_deploy = context.get(&FORMATION_AT_DEPLOY)?.unwrap_or_default();
            context.put(&FORMATION_BEFORE, &formation.clone().with_missing_of(&at_deploy))?;
        }
        let dynos = world.dynos().await?;
        Ok(match formation.is_at_zero() && dynos.iter().all(Dyno::is_one_off) {
            true => Probe::Done(Evidence::of("No dynos are running")),
            false => Probe::NotYet,
        })
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        stop(world, context).await?;
        let before = context.need(&FORMATION_BEFORE)?;
        let table = Table::new("Formation before", &["process", "dynos", "size"]).rows(
            before
                .0
                .iter()
                .map(|(kind, scale)| vec![json!(kind), json!(scale.quantity), json!(scale.size)]),
        );
        let evidence = Evidence::of("No dynos are running").table(table);
        let starters = world.starters().await;
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
            "{names} starts one-off dynos by itself; bcops stops them during the quarantine"
        );
        Ok(Outcome::Warning { text, evidence: evidence.fact("scheduler", names) })
    }

    async fn verify(&self, world: &Reset, _context: &StepContext) -> StepResult<Evidence> {
        let formation = world.formation().await?;
        let dynos = world.dynos().await?;
        let running: Vec<String> =
            dynos.into_iter().filter(|dyno| !dyno.is_one_off()).map(|dyno| dyno.name).collect();
        StepError::unless(formation.is_at_zero() && running.is_empty(), || {
            format!("{} still has {formation} ({})", world.app_name(), running.join(", "))
        })?;
        Ok(Evidence::new().fact("dynos", 0))
    }
}

#[async_trait]
impl Undo<Reset> for Dynos {
    async fn undo(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let Some(before) = context.get(&FORMATION_BEFORE)? else {
            return Ok(Evidence::of("No dynos were stopped"));
        };
        if let Some(taken) = left_closed(context)? {
            return Ok(Evidence::of(format!(
                "No dynos are running, as run {} left staging",
                taken.run
            )));
        }
        let wanted = world.formation_onto_present(context, &before).await?;
        world.heroku.scale(&world.destination.app, &wanted).await?;
        let waiting = async {
            Ok(world.heroku.wait_for_dynos(world.destination.app.id(), &wanted, None).await?)
        };
        context.wait_for("starting the dynos", waiting).await?;
        Ok(Evidence::of(format!("Dynos are back: {wanted}")))
    }

    async fn verify_undo(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let Some(before) = context.get(&FORMATION_BEFORE)? else { return Ok(Evidence::new()) };
        if left_closed(context)?.is_some() {
            return Ok(Evidence::new().fact("dynos", 0));
        }
        let now = world.formation().await?;
        StepError::unless(now == before.onto(&now), || {
            format!("the formation is {now} and was {before}")
        })?;
        Ok(Evidence::new().fact("formation as before", true))
    }

    fn undo_hint(&self, world: &Reset, context: &StepContext) -> Option<String> {
        let before = context.get(&FORMATION_BEFORE).ok().flatten()?;
        Some(format!("heroku ps:scale {before} --app {}", world.app_name()))
    }
}
