//! Chooses a backup of an environment's database, in the same way for every command.
//!
//! A backup of another database of the same app is never used.

use std::time::Duration;

use jiff::Timestamp;

use super::Deployments;
use crate::adapters::heroku::{
    Backups, DatabaseAttachment, Heroku, OfDatabase, Transfer, TransferState,
};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::settings::Environment;
use crate::words;

/// An environment's database at Heroku, with its backups.
pub struct BackedUp<'a> {
    pub environment: &'a Environment,
    pub heroku: Heroku,
    pub database: DatabaseAttachment,
}

impl<'a> BackedUp<'a> {
    /// # Errors
    /// Without a login, or if the app has no such database.
    pub async fn of(
        deployments: Deployments<'_>,
        environment: &'a Environment,
    ) -> Result<BackedUp<'a>, CommandError> {
        deployments.asks_heroku_about(&environment.name);
        BackedUp::with(deployments.log_in().await?.heroku, environment).await
    }

    /// # Errors
    /// If the app has no such database.
    pub async fn with(
        heroku: Heroku,
        environment: &'a Environment,
    ) -> Result<BackedUp<'a>, CommandError> {
        let (app, variable) = (&environment.app.value, &environment.database_url_variable);
        let database = heroku.resolve_database(app, variable).await?;
        Ok(BackedUp { environment, heroku, database })
    }

    pub fn app(&self) -> &str {
        &self.environment.app.value
    }

    /// The app that owns the database. Heroku numbers backups per app.
    pub fn owner(&self) -> &str {
        &self.database.billing_app.name
    }

    /// # Errors
    /// If Heroku does not answer.
    pub async fn backups(&self) -> Result<Backups, CommandError> {
        Ok(self.heroku.backups_of(&self.database).await?)
    }

    /// The named backup, or the newest complete backup. `capture` is the command that makes one.
    ///
    /// # Errors
    /// If there is no backup that can be loaded.
    pub async fn choose(
        &self,
        name: Option<&str>,
        reporter: &dyn Reporter,
        capture: &str,
    ) -> Result<Transfer, CommandError> {
        let backups = self.backups().await?;
        if let Some(name) = name {
            return named_and_complete(&backups, self.environment, name, reporter);
        }
        newest(&backups, self.environment, capture)
    }

    /// Makes one of the database's backups ready to load.
    pub fn backup(self, transfer: Transfer) -> EnvironmentBackup {
        EnvironmentBackup {
            environment: self.environment.name.clone(),
            app: self.environment.app.value.clone(),
            owner: self.database.billing_app.name,
            transfer,
            heroku: self.heroku,
        }
    }
}

/// A completed backup of an environment's database, with what is needed to download it.
pub struct EnvironmentBackup {
    pub environment: String,
    pub app: String,
    /// The app that owns the database, and with it the backup.
    pub owner: String,
    pub transfer: Transfer,
    pub heroku: Heroku,
}

impl EnvironmentBackup {
    pub fn age(&self) -> Option<Duration> {
        let age = Timestamp::now().duration_since(self.transfer.finished_at?);
        Some(Duration::try_from(age).unwrap_or_default())
    }

    /// Describes the backup for people.
    pub fn describe(&self) -> String {
        let age =
            self.age().map_or_else(String::new, |age| format!(", {} old", words::duration(age)));
        format!("{} ({}), backup {}{age}", self.environment, self.app, self.transfer.name())
    }
}

/// The newest complete backup. `capture` is the command that makes one.
///
/// # Errors
/// If there is no complete backup, or Heroku does not say which database the backups belong to.
pub fn newest(
    backups: &Backups,
    environment: &Environment,
    capture: &str,
) -> Result<Transfer, CommandError> {
    backups.newest()?.ok_or_else(|| {
        let text =
            format!("{} has no completed backup; nothing was changed", environment.app.value);
        CommandError::new(FailureKind::Refused, text).hint(capture)
    })
}

/// The backup with this name, in any state.
///
/// # Errors
/// If there is no backup with this name, or it belongs to another database.
pub fn named(
    backups: &Backups,
    environment: &Environment,
    name: &str,
    reporter: &dyn Reporter,
) -> Result<Transfer, CommandError> {
    let app = &environment.app.value;
    let Some((transfer, of)) = backups.named(name) else {
        return Err(unknown(environment, name, backups));
    };
    let database = &backups.database;
    match of {
        OfDatabase::This => {}
        OfDatabase::Another(other) => {
            let text = format!(
                "backup {name} of {app} belongs to {other}, not to {database}; nothing was changed"
            );
            return Err(CommandError::new(FailureKind::Refused, text).hint(format!(
                "bcops backups list {}   # shows the database of each backup",
                environment.name
            )));
        }
        OfDatabase::Unclear(said) => {
            let said =
                said.as_deref().map_or_else(String::new, |said| format!(" (Heroku names {said})"));
            let text = format!(
                "Heroku does not say that backup {name} of {app} belongs to {database}{said}"
            );
            reporter.emit(Event::Warning(text));
        }
    }
    Ok(transfer.clone())
}

/// The backup with this name, if it is complete.
///
/// # Errors
/// As [`named`], and if the backup failed, was deleted or is not complete yet.
pub fn named_and_complete(
    backups: &Backups,
    environment: &Environment,
    name: &str,
    reporter: &dyn Reporter,
) -> Result<Transfer, CommandError> {
    let found = named(backups, environment, name, reporter)?;
    let app = &environment.app.value;
    let why = match found.state() {
        TransferState::Completed => return Ok(found),
        TransferState::Deleted => "was deleted",
        _ => "is not complete",
    };
    let text = format!("backup {name} of {app} {why}; nothing was changed");
    Err(CommandError::new(FailureKind::Refused, text)
        .hint(format!("bcops backups list {}", environment.name)))
}

/// The error for an unknown backup. It lists the existing backups.
fn unknown(environment: &Environment, name: &str, backups: &Backups) -> CommandError {
    let app = &environment.app.value;
    let own = backups.own();
    let mut known: Vec<String> =
        own.iter().filter(|one| one.is_backup()).map(Transfer::name).collect();
    known.sort();
    let near = words::did_you_mean(name, known.iter().map(String::as_str));
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    CommandError::new(FailureKind::Usage, format!("{app} has no backup {name}; it has: {known}"))
        .with_hints(near)
        .hint(format!("bcops backups list {}", environment.name))
}
