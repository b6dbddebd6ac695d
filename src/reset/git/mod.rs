//! Makes staging's branch from master and the chosen branches, and deploys it.
//!
//! The operator's checkout is never touched. Nothing is pushed before the merged tree's migrations
//! are known to fit together, and every push has a lease on the observed tip.

mod building;
mod deploy;
mod deployed;
mod keep_tip;
mod merge;
mod migrations;
mod preview;
mod push;
mod release;
mod replaced;
mod way_back;

pub use deploy::Deploy;
pub use keep_tip::KeepTip;
pub use merge::Merge;
pub use migrations::Migrations;
pub use preview::{InConflict, Preview, conflicting, preview};
pub use push::Push;
pub use release::{Release, keep_in_force};
pub use replaced::refuse_replaced;
pub use way_back::way_back_in_words;

use crate::adapters::git::Oid;
use crate::failure::{CommandError, FailureKind};
use crate::runbook::{StepError, StepResult};

/// Reads a recorded commit id.
fn commit(text: &str) -> StepResult<Oid> {
    Oid::from_str(text).map_err(|cause| {
        let text = format!("{text} is not the id of a commit");
        StepError::from(CommandError::new(FailureKind::Unexpected, text).with_cause(cause))
    })
}

/// Shortens a commit's id for people.
pub fn short(commit: impl std::fmt::Display) -> String {
    commit.to_string().chars().take(10).collect()
}
