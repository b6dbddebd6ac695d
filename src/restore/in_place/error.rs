//! Why a database was not loaded in place, or is not what was loaded.

use thiserror::Error;
use tokio_postgres::error::SqlState;

use super::{Found, RowDifference};
use crate::adapters::postgres::PostgresError;
use crate::failure::{CommandError, FailureKind};
use crate::restore::RestoreError;
use crate::scrub::live::{LiveError, PlannedChanges};
use crate::scrub::personal_data;
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
        pending: Vec<PlannedChanges>,
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

impl From<InPlaceError> for CommandError {
    fn from(error: InPlaceError) -> Self {
        match error {
            InPlaceError::NotEmpty { .. } | InPlaceError::NotScrubbed { .. } => {
                CommandError::wrap(FailureKind::Refused, error)
            }
            InPlaceError::Locked { .. } => CommandError::wrap(FailureKind::Locked, error)
                .hint("wait until it is done, then try again"),
            InPlaceError::PersonalData { ref findings, .. } => {
                personal_data(error.to_string(), findings, &[])
            }
            InPlaceError::Remains { ref findings, ref doubts, ref pending, .. } => {
                let told = personal_data(error.to_string(), findings, doubts);
                told.with_hints(pending.iter().map(still_to_do))
            }
            InPlaceError::NotBegun { ref source, .. } => {
                let (kind, hint) = kind_of(source);
                CommandError::wrap(kind, error).with_hints(hint)
            }
            InPlaceError::HalfLoaded { ref source, .. } => {
                let (kind, hint) = kind_of(source);
                // To be locked out is a refusal, after which nothing would have been changed.
                let kind = if kind == FailureKind::Locked { FailureKind::Unexpected } else { kind };
                CommandError::wrap(kind, error).with_hints(hint)
            }
            // Whatever the reason is, nobody has shown that the database may be opened.
            InPlaceError::NotVerified { .. } => {
                CommandError::wrap(FailureKind::PersonalData, error)
            }
            InPlaceError::RowsDiffer { .. } => CommandError::wrap(FailureKind::Unexpected, error),
        }
    }
}

fn still_to_do(rows: &PlannedChanges) -> String {
    let count = crate::words::plural(rows.total(), "row");
    format!("{}: {count} do not obey the rule of the manifest", rows.table.short())
}

/// The hints of a pull are about a database on this machine, so that these are others.
fn kind_of(error: &RestoreError) -> (FailureKind, Option<String>) {
    if let RestoreError::MissingExtensions { names } = error {
        let text = format!("have them added when it is reset: {}", names.join(", "));
        return (FailureKind::Configuration, Some(text));
    }
    if matches!(
        error,
        RestoreError::Scrub(_) | RestoreError::Audit(_) | RestoreError::PersonalData { .. }
    ) {
        return (FailureKind::PersonalData, None);
    }
    if let RestoreError::Postgres(
        PostgresError::Connect { .. }
        | PostgresError::Timeout { .. }
        | PostgresError::BadUrl(_)
        | PostgresError::Tls { .. },
    ) = error
    {
        return (
            FailureKind::Configuration,
            Some("bcops doctor   # checks every database".to_owned()),
        );
    }
    match error.code() {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => {
            let text = "another session uses the database: stop its dynos, consoles and data clips";
            (FailureKind::Locked, Some(text.to_owned()))
        }
        Some(code) if *code == SqlState::DISK_FULL => (
            FailureKind::Unexpected,
            Some("the plan of the database is too small for this backup".to_owned()),
        ),
        Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => (
            FailureKind::Configuration,
            Some("the plan of the database allows too few connections".to_owned()),
        ),
        _ => (FailureKind::Unexpected, None),
    }
}
