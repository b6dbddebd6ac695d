//! Fills staging's database with production's backup, scrubbed, verified and migrated.
//!
//! By default the backup is scrubbed on its way, and staging never contains personal data. With
//! `--restore-via heroku` staging contains personal data for a while, behind the quarantine around
//! this stage.

mod choose_backup;
mod load;
mod migrate;
mod put_back;
mod recreate_users;
mod restore;
mod restored;
mod scrub;
mod verify;

use serde_json::json;

use crate::runbook::Table;
use crate::scrub::DroppedMember;

pub use choose_backup::ChooseBackup;
pub use load::Load;
pub use migrate::Migrate;
pub use put_back::StagingsBackup;
pub use recreate_users::RecreateUsers;
pub use restore::Restore;
pub use scrub::Scrub;
pub use verify::Verify;

/// A table of JSON members that were dropped because the manifest does not name them. It has their
/// names and never their values.
fn dropped_members(members: &[DroppedMember]) -> Table {
    let columns = ["table", "of", "member", "count"];
    let table = Table::new("Members that the manifest does not name, dropped", &columns);
    members.iter().fold(table, |table, one| {
        let name = one.table.to_string();
        table.row(vec![json!(name), json!(one.of), json!(one.member), json!(one.count)])
    })
}

/// The scrubbing policy of staging.
pub const POLICY: &str = "staging";
