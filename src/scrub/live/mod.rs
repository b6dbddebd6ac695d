//! The manifest on a database that is already there.
//!
//! One transaction does it all: lock the tables that change, drop and rewrite rows, show from the
//! outside that every rule holds, audit what is left, and only then commit. Whatever goes wrong in
//! between, a kill included, leaves the database as it was.
//!
//! Rows are dropped and columns set by SQL. Edits inside of values (members taken out of JSON,
//! patterns redacted) are made by the code that makes them in flight, on values that are fetched
//! and written back: no regular expression of the server finds exactly what the scanners find, and
//! both executions have to give the same database.

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

/// The step under which the rows' progress is told.
pub const SCRUB_STEP: &str = "scrub";
/// The step under which the audit's progress is told.
pub const AUDIT_STEP: &str = "audit";
