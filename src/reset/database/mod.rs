//! Staging's database: production's backup in it, scrubbed, verified and migrated.
//!
//! By default the backup is scrubbed on its way, so that staging never holds personal data. With
//! `--restore-via heroku` it does for a while, which the quarantine around this stage is for.

mod choose_backup;
mod load;
mod migrate;
mod put_back;
mod recreate_users;
mod restore;
mod restored;
mod scrub;
mod verify;

pub use choose_backup::ChooseBackup;
pub use load::Load;
pub use migrate::Migrate;
pub use recreate_users::RecreateUsers;
pub use restore::Restore;
pub use scrub::Scrub;
pub use verify::Verify;

pub const STAGE: &str = "database";

/// The scrubbing policy of staging.
pub const POLICY: &str = "staging";
