//! Says why a manifest cannot be applied to a database, and how to fix it.

use std::fmt;

use super::rules::Place;
use crate::failure::{CommandError, FailureKind};
use crate::schema::TableName;

/// The kind of disagreement between a manifest and a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingKind {
    /// The database has something that the manifest does not classify.
    Unclassified,
    /// The manifest names something that the database lacks.
    Unknown,
    /// A rule cannot be carried out, or contradicts something else.
    Contradictory,
}

/// One disagreement between a manifest and a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub kind: FindingKind,
    pub table: Option<TableName>,
    pub column: Option<String>,
    /// The place in the manifest that does not fit, if there is one.
    pub place: Option<Place>,
    pub problem: String,
    /// What to write into the manifest, or to do instead.
    pub fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(table) = &self.table {
            f.write_str(&table.short())?;
            if let Some(column) = &self.column {
                write!(f, ".{column}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.problem)?;
        if let Some(place) = &self.place {
            write!(f, " ({place})")?;
        }
        for line in self.fix.lines() {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

/// Why there is no plan: all findings at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot scrub under the policy `{policy}`: the manifest does not fit this database{}",
    .findings.iter().map(|finding| format!("\n  {finding}")).collect::<String>()
)]
pub struct PlanError {
    pub policy: String,
    pub findings: Vec<Finding>,
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        CommandError::wrap(FailureKind::PersonalData, error)
            .hint("add the lines to your own manifest and name it in bcops.toml: scrub.manifest")
            .hint("draft the lines from the rows: bcops scrub-pii --manifest suggest")
    }
}
