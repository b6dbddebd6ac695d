//! What is known and agreed before anything is changed, and staging's backup.

mod accounts;
mod agreement;
mod backup;
mod before;
mod branches;
mod content;

pub use accounts::AccountsHere;
pub use agreement::Agreement;
pub use backup::Backup;
pub use before::Before;
pub use branches::BranchesHere;
pub use content::ContentHere;

pub const STAGE: &str = "preflight";
