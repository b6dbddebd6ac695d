//! Runs a step of the quarantine while one-off dynos are stopped.

use std::sync::Arc;

use async_trait::async_trait;

use crate::reset::stage::Stage;
use crate::reset::world::Reset;
use crate::runbook::{Effect, Evidence, Outcome, Probe, Step, StepContext, StepEntry, StepResult};

/// Wraps a step between the stop and the start of the dynos. Steps that fill the database stop
/// one-off dynos themselves, including those of a killed attempt.
pub fn quiet(entry: StepEntry<Reset>) -> StepEntry<Reset> {
    entry.within(|step| Arc::new(Quiet(step)))
}

/// A step inside the quarantine.
struct Quiet(Arc<dyn Step<Reset>>);

#[async_trait]
impl Step<Reset> for Quiet {
    fn describe(&self, world: &Reset) -> String {
        self.0.describe(world)
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        self.0.effects(world)
    }

    fn outdated(&self, world: &Reset, context: &StepContext) -> Option<String> {
        self.0.outdated(world, context)
    }

    async fn probe(&self, world: &Reset, context: &StepContext) -> StepResult<Probe> {
        self.0.probe(world, context).await
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        watched(world, context, self.0.act(world, context)).await
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        watched(world, context, self.0.verify(world, context)).await
    }

    async fn verify_open_again(
        &self,
        world: &Reset,
        context: &StepContext,
    ) -> StepResult<Evidence> {
        self.0.verify_open_again(world, context).await
    }
}

async fn watched<T>(
    world: &Reset,
    context: &StepContext,
    work: impl Future<Output = StepResult<T>> + Send,
) -> StepResult<T> {
    match world.answers.leaves_out(Stage::Quarantine) {
        // Staging is open, so its one-off dynos are left alone.
        true => work.await,
        false => world.watched(context, work).await,
    }
}
