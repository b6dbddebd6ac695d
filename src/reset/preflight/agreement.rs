//! That the client and the other developers know, which only a person can say.

use std::sync::Arc;

use crate::reset::world::World;
use crate::runbook::{
    Evidence, Outcome, Probe, Step, StepContext, StepError, StepFuture, StepKind,
};

use super::STAGE;

pub struct Agreement(pub Arc<World>);

impl Step for Agreement {
    fn id(&self) -> &'static str {
        "agreement"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Manual
    }

    fn describe(&self) -> String {
        "Agree it with the client and the other developers".to_owned()
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            if !self.0.choices.agreed {
                return Err(StepError::NeedsDecision {
                    question: "do the client and the other developers know, and agree?".to_owned(),
                    flag: "--attest agreed".to_owned(),
                });
            }
            let evidence = Evidence::of("Agreed with the client and the other developers")
                .private_fact("attested by", self.0.operator.clone());
            Ok(Outcome::Done(evidence))
        })
    }

    fn verify<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async { Ok(Evidence::new()) })
    }
}
