//! Reads the last CI pipeline of the environment's branch. A failed pipeline does not mean that a
//! site is down.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::Verdict;
use crate::adapters::gitlab::{self, Gitlab, PipelineState};

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Pipeline {
    pub branch: String,
    /// GitLab's name for the status.
    pub status: String,
    #[serde(skip)]
    pub state: PipelineState,
    pub sha: String,
    #[serde(rename = "url")]
    pub web_url: String,
    pub created_at: Timestamp,
}

/// The result of the search for a pipeline.
#[derive(Debug, Clone)]
pub enum PipelineLook {
    Found(Pipeline),
    /// The branch has never had a pipeline.
    NeverRan {
        branch: String,
    },
    Skipped {
        reason: String,
    },
    Unreadable {
        reason: String,
    },
}

impl PipelineLook {
    /// Asks GitLab for the latest pipeline.
    pub async fn at(gitlab: &Gitlab, branch: &str) -> PipelineLook {
        match gitlab.latest_pipeline(branch).await {
            Ok(Some(found)) => PipelineLook::Found(Pipeline::of(found)),
            Ok(None) => PipelineLook::NeverRan { branch: branch.to_owned() },
            Err(error) => PipelineLook::Unreadable { reason: error.to_string() },
        }
    }

    pub fn verdict(&self) -> Verdict {
        match self {
            PipelineLook::Found(pipeline) if pipeline.state == PipelineState::Passed => {
                Verdict::Pass
            }
            PipelineLook::Skipped { .. } => Verdict::Skip,
            _ => Verdict::Warn,
        }
    }

    pub fn text(&self) -> String {
        match self {
            PipelineLook::Found(pipeline) => {
                let short: String = pipeline.sha.chars().take(8).collect();
                let Pipeline { branch, status, web_url, .. } = pipeline;
                format!("{branch} at {short}: {status}, {web_url}")
            }
            PipelineLook::NeverRan { branch } => format!("no pipeline has run for {branch}"),
            PipelineLook::Skipped { reason } => reason.clone(),
            PipelineLook::Unreadable { reason } => reason.clone(),
        }
    }

    pub(super) fn document(&self) -> PipelineDocument<'_> {
        let pipeline = match self {
            PipelineLook::Found(pipeline) => Some(pipeline),
            _ => None,
        };
        PipelineDocument { verdict: self.verdict(), text: self.text(), pipeline }
    }
}

/// The last pipeline of the environment's branch, if it was found.
#[derive(Serialize, JsonSchema)]
pub(super) struct PipelineDocument<'a> {
    verdict: Verdict,
    text: String,
    pipeline: Option<&'a Pipeline>,
}

impl Pipeline {
    fn of(found: gitlab::Pipeline) -> Pipeline {
        let state = found.state();
        let gitlab::Pipeline { status, sha, git_ref, web_url, created_at, .. } = found;
        Pipeline { branch: git_ref, status, state, sha, web_url, created_at }
    }
}
