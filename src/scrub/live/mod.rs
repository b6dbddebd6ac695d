//! Scrubs a live database.
//!
//! One transaction does everything: it locks the tables that change, drops and rewrites rows,
//! checks that every rule holds, audits what is left, and only then commits. If anything fails in
//! between, even by a kill, the database is unchanged.
//!
//! SQL drops rows and sets columns. Edits inside values (removed members of JSON, redacted
//! patterns) use the same code as in flight, on values that are fetched and written back: no
//! regular expression of the server finds exactly what the scanners find, and both executions must
//! give the same database.

mod audit;
mod catalog;
mod demands;
mod edits;
mod error;
mod foreign_keys;
mod locks;
mod planned_changes;
mod sample;
mod scrub;
mod side_effects;
mod statements;
mod statistics;
mod transaction;
mod truncate;
mod values;

pub use audit::{Audit, audit, audit_of};
pub use catalog::{LiveSchema, read_live_schema};
pub use error::LiveError;
pub use locks::explain;
pub use planned_changes::{Depth, PlannedChanges, pending};
pub use sample::sample;
pub use scrub::{LiveReport, TableChange, Uncommitted, look, scrub};
pub use transaction::{Access, Limits, begin};
pub use values::check_values;

/// The step of the rows' progress.
pub const SCRUB_STEP: &str = "scrub";
/// The step of the audit's progress.
pub const AUDIT_STEP: &str = "audit";
