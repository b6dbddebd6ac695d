//! The exit codes of a load into a database that is there already.

use tokio_postgres::error::SqlState;

use super::{CommandError, Kind, personal_data, with_hint, wrap};
use crate::adapters::postgres::PostgresError;
use crate::restore::RestoreError;
use crate::restore::in_place::InPlaceError;
use crate::scrub::live::PendingRows;

impl From<InPlaceError> for CommandError {
    fn from(error: InPlaceError) -> Self {
        match error {
            InPlaceError::NotEmpty { .. } | InPlaceError::NotScrubbed { .. } => {
                wrap(Kind::Refused, error)
            }
            InPlaceError::Locked { .. } => {
                wrap(Kind::Locked, error).hint("wait until it is done, then try again")
            }
            InPlaceError::PersonalData { ref findings, .. } => {
                personal_data(error.to_string(), findings, &[])
            }
            InPlaceError::Remains { ref findings, ref doubts, ref pending, .. } => {
                let told = personal_data(error.to_string(), findings, doubts);
                pending.iter().map(still_to_do).fold(told, CommandError::hint)
            }
            InPlaceError::NotBegun { ref source, .. } => {
                let (kind, hint) = kind_of(source);
                with_hint(wrap(kind, error), hint.as_deref())
            }
            InPlaceError::HalfLoaded { ref source, .. } => {
                let (kind, hint) = kind_of(source);
                // To be locked out is a refusal, after which nothing would have been changed.
                let kind = if kind == Kind::Locked { Kind::Unexpected } else { kind };
                with_hint(wrap(kind, error), hint.as_deref())
            }
            // Whatever the reason is, nobody has shown that the database may be opened.
            InPlaceError::NotVerified { .. } => wrap(Kind::PersonalData, error),
            InPlaceError::RowsDiffer { .. } => wrap(Kind::Unexpected, error),
        }
    }
}

fn still_to_do(rows: &PendingRows) -> String {
    let count = crate::words::plural(rows.total(), "row");
    format!("{}: {count} do not obey the rule of the manifest", rows.table.short())
}

/// The hints of a pull are about a database on this machine, so that these are others.
fn kind_of(error: &RestoreError) -> (Kind, Option<String>) {
    if let RestoreError::MissingExtensions { names } = error {
        let text = format!("have them added when it is reset: {}", names.join(", "));
        return (Kind::Configuration, Some(text));
    }
    if matches!(
        error,
        RestoreError::Scrub(_) | RestoreError::Audit(_) | RestoreError::PersonalData { .. }
    ) {
        return (Kind::PersonalData, None);
    }
    if let RestoreError::Postgres(
        PostgresError::Connect { .. }
        | PostgresError::Timeout { .. }
        | PostgresError::BadUrl(_)
        | PostgresError::Tls { .. },
    ) = error
    {
        return (Kind::Configuration, Some("bcops doctor   # checks every database".to_owned()));
    }
    match error.code() {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => {
            let text = "another session uses the database: stop its dynos, consoles and data clips";
            (Kind::Locked, Some(text.to_owned()))
        }
        Some(code) if *code == SqlState::DISK_FULL => (
            Kind::Unexpected,
            Some("the plan of the database is too small for this backup".to_owned()),
        ),
        Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => (
            Kind::Configuration,
            Some("the plan of the database allows too few connections".to_owned()),
        ),
        _ => (Kind::Unexpected, None),
    }
}
