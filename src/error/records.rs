//! The exit codes of what fails on the single records that `reset-staging` reads and writes.

use crate::failure::{CommandError, FailureKind};
use crate::reset::accounts::{AccountsError, BadRecreate, StoredError, UnknownAccounts};
use crate::reset::sites::SitesError;

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

impl From<StoredError> for CommandError {
    fn from(error: StoredError) -> Self {
        match error {
            StoredError::Archive(error) => error.into(),
            StoredError::NoTable { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("set local.users_table in bcops.toml to the table of Django's users"),
            StoredError::InsertStyle { .. } => CommandError::wrap(FailureKind::Refused, error),
            StoredError::Framing(_)
            | StoredError::NoColumn { .. }
            | StoredError::FieldCount { .. }
            | StoredError::NotUtf8 { .. } => CommandError::wrap(FailureKind::Unexpected, error),
        }
    }
}

impl From<BadRecreate> for CommandError {
    fn from(error: BadRecreate) -> Self {
        CommandError::wrap(FailureKind::Usage, error)
    }
}

impl From<UnknownAccounts> for CommandError {
    fn from(error: UnknownAccounts) -> Self {
        CommandError::wrap(FailureKind::Usage, error)
            .hint("look at the list of accounts: reset-staging --dry-run")
    }
}

impl From<SitesError> for CommandError {
    fn from(error: SitesError) -> Self {
        match error {
            SitesError::Postgres(error) => error.into(),
            SitesError::BadUrl { ref environment, .. } => {
                let hint = format!("mend environments.{environment}.sites in bcops.toml");
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
            SitesError::NoHost { .. } | SitesError::Production { .. } | SitesError::Same { .. } => {
                CommandError::wrap(FailureKind::Configuration, error)
                    .hint("say what it is to be: reset.hosts = [\"FROM=TO\"] in bcops.toml")
            }
            SitesError::Changed { .. } | SitesError::NotRewritten { .. } => {
                CommandError::wrap(FailureKind::Unexpected, error)
            }
        }
    }
}
