//! The exit codes of a load into a database that is there already.

use tokio_postgres::error::SqlState;

use super::personal_data;
use crate::adapters::postgres::PostgresError;
use crate::failure::{CommandError, FailureKind};
use crate::restore::RestoreError;
use crate::restore::in_place::InPlaceError;
use crate::scrub::live::PendingRows;

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
                pending.iter().map(still_to_do).fold(told, CommandError::hint)
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

fn still_to_do(rows: &PendingRows) -> String {
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
