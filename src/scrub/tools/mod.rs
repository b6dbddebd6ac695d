//! Helps people who write a manifest: what is wrong with it, what is missing, what it says.
//!
//! Everything here works on values in memory. The commands read the files and databases.

mod contradictions;
mod cut;
mod draft;
mod explain;
mod framework;
mod guess;
mod nearest;
mod problem;
mod revision_draft;
mod revision_samples;
mod sample;
mod shapes;
mod spell;
mod suggest;
mod unclassed;
mod validate;

pub use explain::{ExplainError, Explanation, explain};
pub use problem::{Problem, ProblemKind, Severity};
pub use sample::{ColumnSample, RowSamples, SAMPLE_ROWS};
pub use suggest::{NoSamples, Samples, missing_entries, suggest, suggest_parts};
pub use unclassed::{UnclassedColumn, UnclassedTable, unclassed};

pub(super) use draft::{is_referenced, may_write_addresses, unique_value};
pub use validate::validate;

#[cfg(test)]
mod tests;
