//! Loads an archive into a database while it streams in: first the schema, then each table's rows
//! as they arrive, then indexes, constraints and triggers once their tables are complete.
//!
//! The client writes nothing to disk and needs no `pg_restore`. Rows pass through the scrub plan on
//! their way, and every row that is written passes through the audit.

mod after;
mod copy_pool;
pub mod databases;
mod download;
mod empty;
mod entries;
mod error;
mod extensions;
pub mod in_place;
mod large_objects;
mod late_audit;
mod late_checks;
mod load;
mod omissions;
mod placement;
#[cfg(test)]
mod plan_tests;
mod post_data;
mod pre_data;
mod prepared;
mod properties;
mod pump;
mod row_counts;
mod scheduler;
pub mod scratch;
mod session;
mod site_path;
mod source;
mod statements;
mod unbuilt;
pub mod unscrubbed;
mod verify;
mod watchdog;

pub use entries::RestorePlan;
pub use error::RestoreError;
pub use extensions::{ExtensionPlan, check_extensions};
pub use load::{LoadReport, TableReport};
pub use omissions::Loss;
pub use prepared::{Contents, LoadTarget, PrepareError, Prepared, default_jobs};
pub use properties::NotKept;
pub use row_counts::RowsByTable;
pub use source::{BackupSource, OpenBackup};
pub use unbuilt::{Unbuilt, save as save_unbuilt};
