//! Scrubs personal data: holds the manifest, applies it to rows in flight, backup files and live
//! databases, and audits the result.

mod audit;
pub mod backup_file;
mod blocks;
mod built_in;
mod checks;
mod column_type;
mod compiled_rule;
pub(crate) mod copy_text;
mod definitions;
mod demands;
mod described;
mod document;
mod dropped;
mod edit;
mod encoded;
mod findings;
mod foreign_keys;
mod framer;
mod hidden;
mod json_edit;
mod keep_tree;
mod keys;
pub mod live;
mod loose_emails;
mod manifest;
mod ninos;
pub mod packs;
mod patterns;
mod personal_words;
mod phones;
mod plan;
mod postcodes;
mod published;
mod remains;
mod replacements;
mod revisions;
mod rewriter;
mod row_pipeline;
mod rules;
mod separators;
mod suspicious_names;
mod taking_away;
mod tally;
pub mod tools;
mod unclassified;
mod unique_keys;
mod verdict;

pub use audit::{AuditCount, TableAudit, UnreadValues, Verdict};
pub use blocks::{BlocksError, check_blocks};
pub use definitions::audit_definitions;
pub use demands::{OpenCheck, Written, WrittenColumn};
pub use dropped::DroppedMember;
pub use findings::{Finding, FindingKind, PlanError};
pub use framer::{BATCH, Framer, FramingError};
pub use keys::KeySets;
pub use manifest::{BuiltIn, LargeObjects, Manifest, ManifestError};
pub use patterns::{Kind, Strength};
pub use plan::{ScrubPlan, TableAction, TablePlan};
pub use published::RowPlace;
pub use remains::{Remains, personal_data, rows_in_words};
pub use rewriter::{Rewriter, RowCounts, ScrubError};
pub use row_pipeline::RowPipeline;
pub use rules::{Class, Place};
pub use taking_away::needs_trust;
pub use unclassified::{EmptiedColumn, NeedyRows, Unclassified, plan_without};

#[cfg(test)]
mod audit_test;
#[cfg(test)]
mod plan_test;
#[cfg(test)]
mod rewriter_test;
#[cfg(test)]
mod site_test;
#[cfg(test)]
mod writings_test;
