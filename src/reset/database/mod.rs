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

/// Members of JSON that went because nothing names them: their names, and never what was in them.
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
