//! Postgres connections with libpq's manners: URLs, socket folders, `PG*` variables, password
//! files and `sslmode`.

mod connect;
mod identity;
mod tls;
mod url;

pub use connect::{Session, connect, quote_literal};
pub use identity::DatabaseIdentity;
pub use tls::SslMode;
pub use url::{DatabaseUrl, Defaults};

use thiserror::Error;
use tokio_postgres::error::SqlState;

#[derive(Debug, Error)]
pub enum PostgresError {
    #[error("the database URL cannot be read: {0}")]
    BadUrl(String),
    #[error("cannot set up TLS for {host}: {reason}")]
    Tls { host: String, reason: String },
    #[error("cannot connect to {place}")]
    Connect { place: String, source: Box<PostgresError> },
    #[error("no answer from {place} within {seconds} s")]
    Timeout { place: String, seconds: u64 },
    /// Its message holds all that the driver's error has to say, so that it has no further source.
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

/// The server's own words: the driver's `Display` is only "db error".
///
/// The detail of an error is left out on purpose, for it can hold a row's values.
pub fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(database) => format!("{} (SQLSTATE {})", database.message(), database.code().code()),
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
