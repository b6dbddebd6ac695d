//! Lists why a load in place or its verification can fail, with the hint for each reason.

use thiserror::Error;
use tokio_postgres::error::SqlState;

use super::{Found, RowDifference};
use crate::adapters::postgres::PostgresError;
use crate::failure::{CommandError, FailureKind};
use crate::restore::RestoreError;
use crate::scrub::live::{LiveError, PlannedChanges};
use crate::scrub::personal_data;
use crate::scrub::{AuditCount, UnreadValues};

/// Why a database could not be loaded in place, or does not hold what was loaded.
#[derive(Debug, Error)]
pub enum InPlaceError {
    #[error("cannot load into {place}, which is unchanged: it holds {}", listed(.found))]
    NotEmpty { place: String, found: Vec<Found> },
    #[error("cannot load into {place}: another bcops is loading into it now")]
    Locked { place: String },
    #[error("cannot load into {place}: the backup was prepared without a scrub")]
    NotScrubbed { place: String },
    /// Nothing was written.
    #[error("cannot load into {place}; nothing was written")]
    NotBegun { place: String, source: RestoreError },
    #[error(
        "personal data would remain in {} after the scrub; it was not written, and {place} holds \
         only a part of the backup",
        places(.findings.len())
    )]
    PersonalData { place: String, findings: Vec<AuditCount> },
    #[error(
        "the load into {place} stopped half-way; the database holds a part of the backup and must \
         be emptied before the next load"
    )]
    HalfLoaded { place: String, source: RestoreError },
    #[error("cannot verify {place}")]
    NotVerified { place: String, source: LiveError },
    #[error("personal data remains in {} of {place}", places(.findings.len() + .doubts.len() + .pending.len()))]
    Remains {
        place: String,
        findings: Vec<AuditCount>,
        doubts: Vec<UnreadValues>,
        pending: Vec<PlannedChanges>,
    },
    #[error("{place} does not hold the rows that were loaded: {}", described(.differences))]
    RowsDiffer { place: String, differences: Vec<RowDifference> },
}

fn listed(found: &[Found]) -> String {
    found.iter().map(Found::to_string).collect::<Vec<_>>().join(", ")
}

fn places(count: usize) -> String {
    crate::words::plural(count as u64, "place")
}

fn described(differences: &[RowDifference]) -> String {
    let rows =
        |rows: Option<u64>| rows.map_or_else(|| "no table".to_owned(), |rows| rows.to_string());
    let one = |one: &RowDifference| {
        format!("{} has {} instead of {}", one.table, rows(one.found), rows(one.expected))
    };
    differences.iter().take(5).map(one).collect::<Vec<_>>().join(", ")
}

impl InPlaceError {
    /// The server's error code, if the server reported the error.
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
                .hint("wait until the other bcops ends, then run the command again"),
            InPlaceError::PersonalData { ref findings, .. } => {
                personal_data(error.to_string(), findings, &[])
            }
            InPlaceError::Remains { ref findings, ref doubts, ref pending, .. } => {
                let failure = personal_data(error.to_string(), findings, doubts);
                failure.with_hints(pending.iter().map(still_to_do))
            }
            InPlaceError::NotBegun { ref source, .. } => {
                let (kind, hint) = kind_of(source);
                CommandError::wrap(kind, error).with_hints(hint)
            }
            InPlaceError::HalfLoaded { ref source, .. } => {
                let (kind, hint) = kind_of(source);
                // "Locked" means that nothing was changed, which is not true after half a load.
                let kind = if kind == FailureKind::Locked { FailureKind::Unexpected } else { kind };
                CommandError::wrap(kind, error).with_hints(hint)
            }
            // Whatever the reason, the check has not shown that the database may be opened.
            InPlaceError::NotVerified { .. } => {
                CommandError::wrap(FailureKind::PersonalData, error)
            }
            InPlaceError::RowsDiffer { .. } => CommandError::wrap(FailureKind::Unexpected, error),
        }
    }
}

fn still_to_do(rows: &PlannedChanges) -> String {
    let count = crate::words::plural(rows.total(), "row");
    format!("{}: {count} break the rule of the manifest", rows.table.short())
}

/// These hints differ from those of a pull, which are about a database on this machine.
fn kind_of(error: &RestoreError) -> (FailureKind, Option<String>) {
    if let RestoreError::MissingExtensions { names } = error {
        let text = format!(
            "have Heroku add these extensions when the database is reset: \
             {}",
            names.join(", ")
        );
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
            let text = "stop the dynos, consoles and data clips that use the database, then run \
                the command again";
            (FailureKind::Locked, Some(text.to_owned()))
        }
        Some(code) if *code == SqlState::DISK_FULL => (
            FailureKind::Unexpected,
            Some("move the database to a larger plan: its disk is full".to_owned()),
        ),
        Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => (
            FailureKind::Configuration,
            Some("move the database to a plan with more connections".to_owned()),
        ),
        _ => (FailureKind::Unexpected, None),
    }
}
