//! Checks the last CI pipeline of staging's branch, which the push has started.

use async_trait::async_trait;

use crate::adapters::gitlab::PipelineState;
use crate::reset::git::short;
use crate::reset::values::MERGED;
use crate::reset::world::Reset;
use crate::runbook::{Check, Evidence, Outcome, StepContext, StepError, StepResult};

pub struct Pipeline;

#[async_trait]
impl Check<Reset> for Pipeline {
    fn describe(&self, world: &Reset) -> String {
        format!("Check the CI pipeline of {}", world.branches.staging)
    }

    async fn look(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let Some(gitlab) = &world.gitlab else {
            return Ok(Outcome::skipped("GITLAB_TOKEN or gitlab.project is not set"));
        };
        let branch = &world.branches.staging;
        let looking = async { Ok(gitlab.latest_pipeline(branch).await?) };
        let found = match context.wait_for("the pipeline", looking).await {
            Ok(found) => found,
            // Staging is reset, even if its pipeline cannot be read.
            Err(StepError::Failed(error)) => {
                let text = format!("cannot read the pipeline: {error}");
                return Ok(Outcome::Warning { text, evidence: Evidence::new() });
            }
            Err(other) => return Err(other),
        };
        let Some(pipeline) = found else {
            let text = format!("{branch} has no pipeline");
            return Ok(Outcome::Warning { text, evidence: Evidence::new() });
        };
        let evidence = Evidence::of(format!("Pipeline of {branch}: {}", pipeline.status))
            .fact("pipeline", pipeline.web_url.clone())
            .fact("pipeline status", pipeline.status.clone())
            .fact("pipeline of", pipeline.sha.clone());
        let tip = context.get(&MERGED)?.map(|merged| merged.tip);
        if tip.is_some_and(|tip| tip.to_string() != pipeline.sha) {
            let text = format!(
                "the last pipeline of {branch} is for {}, not for the pushed commit",
                short(&pipeline.sha)
            );
            return Ok(Outcome::Warning { text, evidence });
        }
        Ok(match pipeline.state() {
            PipelineState::Failed | PipelineState::Stopped | PipelineState::Unknown => {
                let text = format!("the pipeline {} {}", pipeline.status, pipeline.web_url);
                Outcome::Warning { text, evidence }
            }
            PipelineState::Passed | PipelineState::UnderWay | PipelineState::Waiting => {
                Outcome::Done(evidence)
            }
        })
    }
}
