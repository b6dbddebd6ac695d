//! Why a database was not loaded in place, or is not what was loaded.

use thiserror::Error;
use tokio_postgres::error::SqlState;

use super::{Found, RowDifference};
use crate::restore::RestoreError;
use crate::scrub::live::{LiveError, PendingRows};
use crate::scrub::{AuditCount, UnreadValues};

/// Why a database was not loaded, or not found to be what was loaded.
#[derive(Debug, Error)]
pub enum InPlaceError {
    #[error("{place} is not empty and was left as it is; it holds {}", listed(.found))]
    NotEmpty { place: String, found: Vec<Found> },
    #[error("another bcops is loading into {place} at this moment")]
    Locked { place: String },
    #[error("the backup was prepared without a scrub, and is not loaded into {place}")]
    NotScrubbed { place: String },
    /// Nothing was written.
    #[error("nothing was loaded into {place}")]
    NotBegun { place: String, source: RestoreError },
    #[error(
        "personal data would remain in {} after the scrub; none of it was written, and what \
         {place} holds now is a part of the backup",
        places(.findings.len())
    )]
    PersonalData { place: String, findings: Vec<AuditCount> },
    #[error(
        "the load into {place} stopped half-way; the database holds a part of the backup, and the \
         next attempt has to empty it again"
    )]
    HalfLoaded { place: String, source: RestoreError },
    #[error("{place} cannot be verified")]
    NotVerified { place: String, source: LiveError },
    #[error("personal data remains in {} of {place}", places(.findings.len() + .doubts.len() + .pending.len()))]
    Remains {
        place: String,
        findings: Vec<AuditCount>,
        doubts: Vec<UnreadValues>,
        pending: Vec<PendingRows>,
    },
    #[error("{place} does not hold the rows that were loaded: {}", told(.differences))]
    RowsDiffer { place: String, differences: Vec<RowDifference> },
}

fn listed(found: &[Found]) -> String {
    found.iter().map(Found::to_string).collect::<Vec<_>>().join(", ")
}

fn places(count: usize) -> String {
    crate::words::plural(count as u64, "place")
}

fn told(differences: &[RowDifference]) -> String {
    let rows =
        |rows: Option<u64>| rows.map_or_else(|| "no table".to_owned(), |rows| rows.to_string());
    let one = |one: &RowDifference| {
        format!("{} has {} instead of {}", one.table, rows(one.found), rows(one.expected))
    };
    differences.iter().take(5).map(one).collect::<Vec<_>>().join(", ")
}

impl InPlaceError {
    /// What the server said, if it was the server.
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            InPlaceError::NotBegun { source, .. } | InPlaceError::HalfLoaded { source, .. } => {
                source.code()
            }
            _ => None,
        }
    }
}
