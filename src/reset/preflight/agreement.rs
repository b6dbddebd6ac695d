//! Asks whether the client and the other developers have agreed, which only a person can say.

use async_trait::async_trait;

use crate::reset::world::Reset;
use crate::runbook::{Evidence, Outcome, Step, StepContext, StepError, StepResult};

pub struct Agreement;

#[async_trait]
impl Step<Reset> for Agreement {
    fn describe(&self, _world: &Reset) -> String {
        "Agree the reset with the client and the other developers".to_owned()
    }

    async fn act(&self, world: &Reset, _context: &StepContext) -> StepResult<Outcome> {
        if !world.answers.agreed {
            return Err(StepError::NeedsDecision {
                question: "have the client and the other developers agreed?".to_owned(),
                flag: "--attest agreed".to_owned(),
            });
        }
        let evidence = Evidence::of("Agreed with the client and the other developers")
            .private_fact("attested by", world.operator.clone());
        Ok(Outcome::Done(evidence))
    }

    async fn verify(&self, _world: &Reset, _context: &StepContext) -> StepResult<Evidence> {
        Ok(Evidence::new())
    }
}
