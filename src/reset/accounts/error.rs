//! Defines why accounts could not be listed or put back.

use thiserror::Error;

use crate::adapters::postgres::PostgresError;
use crate::failure::{CommandError, FailureKind};

#[derive(Debug, Error)]
pub enum AccountsError {
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error("{place} has no users table {table} with the columns id and username")]
    NoUsersTable { table: String, place: &'static str },
    #[error(
        "{table}.{column} needs a value, and neither a default nor the backup has one; no account \
         was put back"
    )]
    NoValue { table: String, column: String },
    #[error(
        "the id {id} of {username} is taken, and {table} has no sequence for a new id; no account \
         was put back"
    )]
    NoNewId { table: String, username: String, id: String },
    #[error("cannot put back the account {username}; no account was put back")]
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
                    "give the column a default, then resume the run: ALTER TABLE {table} ALTER \
                     COLUMN {column} SET DEFAULT …"
                );
                CommandError::wrap(FailureKind::Unexpected, error).hint(hint)
            }
            AccountsError::NoNewId { .. } | AccountsError::Insert { .. } => {
                CommandError::wrap(FailureKind::Unexpected, error)
            }
        }
    }
}
