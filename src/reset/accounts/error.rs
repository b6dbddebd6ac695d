//! Why accounts could not be listed or put back.

use thiserror::Error;

use crate::adapters::postgres::PostgresError;
use crate::failure::{CommandError, FailureKind};

#[derive(Debug, Error)]
pub enum AccountsError {
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error("{place} has no table {table} of users with the columns id and username")]
    NoUsersTable { table: String, place: &'static str },
    #[error(
        "{table}.{column} must not be empty, has no default, and the backup has no value for it; \
         no account was put back"
    )]
    NoValue { table: String, column: String },
    #[error(
        "the id {id} of {username} is another account's by now, and {table} has no sequence to \
         take a new one from; no account was put back"
    )]
    NoNewId { table: String, username: String, id: String },
    #[error("the account {username} could not be put back; no account was put back")]
    Insert { username: String, source: PostgresError },
}

impl From<AccountsError> for CommandError {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::Postgres(error) => error.into(),
            AccountsError::NoUsersTable { .. } => {
                CommandError::wrap(FailureKind::Configuration, error)
                    .hint("set local.users_table in bcops.toml to the table of Django's users")
            }
            AccountsError::NoValue { ref table, ref column } => {
                let hint = format!(
                    "give it a default, then go on: ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT …"
                );
                CommandError::wrap(FailureKind::Unexpected, error).hint(hint)
            }
            AccountsError::NoNewId { .. } | AccountsError::Insert { .. } => {
                CommandError::wrap(FailureKind::Unexpected, error)
            }
        }
    }
}
