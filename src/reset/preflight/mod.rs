//! Collects facts and the agreement before anything is changed, and makes staging's backup.

mod accounts;
mod agreement;
mod backup;
mod branches;
mod content;
mod state_before;

pub use accounts::AccountsHere;
pub use agreement::Agreement;
pub use backup::Backup;
pub use branches::BranchesHere;
pub use content::ContentHere;
pub use state_before::StateBefore;
