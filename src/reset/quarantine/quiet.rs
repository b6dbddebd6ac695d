//! Runs a step of the quarantine while one-off dynos are kept down.

use std::sync::Arc;

use crate::reset::world::World;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind, UndoWay,
};

use super::STAGE;

/// A step that stands inside the quarantine.
pub struct Quiet<S> {
    pub world: Arc<World>,
    pub step: S,
}

impl<S: Step> Step for Quiet<S> {
    fn id(&self) -> &'static str {
        self.step.id()
    }

    fn stage(&self) -> &'static str {
        self.step.stage()
    }

    fn kind(&self) -> StepKind {
        self.step.kind()
    }

    fn describe(&self) -> String {
        self.step.describe()
    }

    fn effects(&self) -> Vec<Effect> {
        self.step.effects()
    }

    fn stands_until(&self) -> Option<&'static str> {
        self.step.stands_until()
    }

    fn outdated(&self, context: &StepContext) -> Option<String> {
        self.step.outdated(context)
    }

    fn probe<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Probe> {
        self.step.probe(context)
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        match self.world.choices.leaves_out(STAGE) {
            // Staging is open, and its one-off dynos are its own business.
            true => self.step.act(context),
            false => Box::pin(self.world.watched(context, self.step.act(context))),
        }
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        match self.world.choices.leaves_out(STAGE) {
            true => self.step.verify(context),
            false => Box::pin(self.world.watched(context, self.step.verify(context))),
        }
    }

    fn undo_way(&self) -> UndoWay {
        self.step.undo_way()
    }

    fn undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        self.step.undo(context)
    }

    fn verify_undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        self.step.verify_undo(context)
    }

    fn undo_hint(&self, context: &StepContext) -> Option<String> {
        self.step.undo_hint(context)
    }
}
