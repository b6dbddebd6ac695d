//! Steps that only look: what they found is their outcome, and there is nothing more to verify.

use crate::runbook::{Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind};

/// A look at something.
pub trait Look: Send + Sync {
    const ID: &'static str;
    const STAGE: &'static str;

    fn describe(&self) -> String;

    fn look<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome>;
}

/// A [`Look`] as a step.
pub struct Check<T>(pub T);

impl<T: Look> Step for Check<T> {
    fn id(&self) -> &'static str {
        T::ID
    }

    fn stage(&self) -> &'static str {
        T::STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Check
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        self.0.look(context)
    }

    fn verify<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async { Ok(Evidence::new()) })
    }
}
