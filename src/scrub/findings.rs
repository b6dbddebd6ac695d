//! What keeps a manifest from being applied to a database, told so that it can be mended.

use std::fmt;

use super::rules::Place;
use crate::failure::{CommandError, FailureKind};
use crate::schema::TableName;

/// What is wrong between a manifest and a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingKind {
    /// The database has what the manifest has no class for.
    Unclassified,
    /// The manifest names what the database lacks.
    Unknown,
    /// A rule cannot be carried out, or says the opposite of something else.
    Contradictory,
}

/// One disagreement between a manifest and a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub kind: FindingKind,
    pub table: Option<TableName>,
    pub column: Option<String>,
    /// Where the manifest says what does not fit, if it says anything.
    pub place: Option<Place>,
    pub problem: String,
    /// What to write into the manifest, or to do instead.
    pub mend: String,
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
        for line in self.mend.lines() {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

/// Why there is no plan: every finding at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the scrub manifest does not fit this database under the policy `{policy}`:{}",
    .findings.iter().map(|finding| format!("\n  {finding}")).collect::<String>()
)]
pub struct PlanError {
    pub policy: String,
    pub findings: Vec<Finding>,
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        CommandError::wrap(FailureKind::PersonalData, error)
            .hint(
                "add the lines to a manifest of your own and name it as scrub.manifest in bcops.toml",
            )
            .hint("to have them drafted from a look at the rows: bcops scrub-pii --manifest suggest")
    }
}
