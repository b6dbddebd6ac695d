//! Describes one problem of a manifest, with its fix.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::super::built_in;
use super::super::rules::Place;
use crate::schema::TableName;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The manifest cannot be applied, or leaves something undecided.
    Error,
    /// The manifest can be applied, but may not do what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProblemKind {
    /// A name that the database lacks, probably misspelt.
    Unknown,
    /// A name that the database lacks, and perhaps once had.
    Stale,
    /// Something that can hold text and has no class.
    Unclassified,
    /// Rules that cannot be carried out, or that contradict each other.
    Contradictory,
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProblemKind::Unknown => "unknown",
            ProblemKind::Stale => "stale",
            ProblemKind::Unclassified => "unclassified",
            ProblemKind::Contradictory => "contradictory",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    pub severity: Severity,
    pub kind: ProblemKind,
    pub table: Option<TableName>,
    pub column: Option<String>,
    /// The line of the manifest, if the manifest mentions it.
    pub place: Option<Place>,
    /// The policies under which the problem occurs. Empty if it does not depend on policies.
    pub policies: Vec<String>,
    pub problem: String,
    /// What to write into the manifest, or to do instead.
    #[serde(rename = "mend")]
    pub fix: String,
}

impl Problem {
    /// Whether the only problem is that the database lacks something that the built-in manifest
    /// names.
    pub fn is_of_the_built_in_site(&self) -> bool {
        let is_absent = matches!(self.kind, ProblemKind::Unknown | ProblemKind::Stale);
        let is_built_in =
            self.place.as_ref().is_some_and(|place| &*place.origin == built_in::ORIGIN);
        // A rule that cannot be applied is a problem even if it is built in.
        is_built_in
            && (self.severity == Severity::Warning || (is_absent && self.policies.is_empty()))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: ", self.severity)?;
        if let Some(table) = &self.table {
            f.write_str(&table.short())?;
            if let Some(column) = &self.column {
                write!(f, ".{column}")?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{} [{}]", self.problem, self.kind)?;
        for line in self.fix.lines() {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}
