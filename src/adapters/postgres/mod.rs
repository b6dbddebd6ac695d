//! Connects to Postgres as libpq does: URLs, socket folders, `PG*` variables, password files and
//! `sslmode`.

mod connect;
mod identity;
mod proof;
pub(in crate::adapters) mod tls;
mod url;

pub use connect::{Session, connect, quote_literal};
pub use identity::DatabaseIdentity;
pub use proof::{DatabaseFingerprint, HeldLock, LockKey, Sighting};
pub use tls::SslMode;
pub use url::{DatabaseUrl, Defaults};

use crate::failure::{CommandError, FailureKind};
use thiserror::Error;
use tokio_postgres::error::SqlState;

#[derive(Debug, Error)]
pub enum PostgresError {
    #[error("cannot read the database URL: {0}")]
    BadUrl(String),
    #[error("cannot set up TLS for {host}: {reason}")]
    Tls { host: String, reason: String },
    #[error("cannot connect to {place}")]
    Connect { place: String, source: Box<PostgresError> },
    #[error("no answer from {place} within {seconds} s")]
    Timeout { place: String, seconds: u64 },
    #[error("cannot identify the database: {0}")]
    Proof(String),
    /// The message holds the driver's whole error, so there is no source.
    #[error("{}", describe(.0))]
    Server(tokio_postgres::Error),
}

impl PostgresError {
    /// The server's error code, if the server sent one.
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            PostgresError::Server(error) => error.code(),
            PostgresError::Connect { source, .. } => source.code(),
            _ => None,
        }
    }
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        PostgresError::Server(error)
    }
}

/// Messages of class 22 ("data exception") and 23 end with the value that they complain about, after
/// a colon: `invalid input syntax for type integer: "…"`.
fn without_values<'m>(message: &'m str, code: &str) -> &'m str {
    let of_data = code.starts_with("22") || code.starts_with("23");
    match message.split_once(": ") {
        Some((words, _)) if of_data => words,
        _ => message,
    }
}

/// The server's own words: the driver's `Display` is only "db error".
///
/// The detail of an error, and the value at the end of a message about bad data, are omitted
/// because they can hold values of a row.
pub fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(database) => {
            let code = database.code().code();
            format!("{} (SQLSTATE {code})", without_values(database.message(), code))
        }
        None => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(error);
            while let Some(inner) = cause {
                text.push_str(": ");
                text.push_str(&inner.to_string());
                cause = inner.source();
            }
            text
        }
    }
}

impl From<PostgresError> for CommandError {
    fn from(error: PostgresError) -> Self {
        let (kind, hint) = match &error {
            PostgresError::BadUrl(_) => (FailureKind::Configuration, None),
            PostgresError::Tls { .. } => (
                FailureKind::Configuration,
                Some("check sslmode and sslrootcert in the URL, or in PGSSLMODE and PGSSLROOTCERT"),
            ),
            PostgresError::Connect { .. }
                if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) =>
            {
                (
                    FailureKind::Configuration,
                    Some("use fewer sessions with --jobs 1, or raise the server's max_connections"),
                )
            }
            PostgresError::Connect { .. } | PostgresError::Timeout { .. } => (
                FailureKind::Configuration,
                Some("start the server or set BCOPS_LOCAL_DATABASE_URL, then run: bcops doctor"),
            ),
            PostgresError::Proof(_) | PostgresError::Server(_) => (FailureKind::Unexpected, None),
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}
