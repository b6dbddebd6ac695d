//! The backups of an environment's database, chosen in one way for every command that reads one.
//!
//! A backup of another database of the same app is never taken for one of this database.

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

/// An environment's database at Heroku, which has backups.
pub struct BackedUp<'a> {
    pub environment: &'a Environment,
    pub heroku: Heroku,
    pub database: DatabaseAttachment,
}

impl<'a> BackedUp<'a> {
    /// # Errors
    /// Where there is no login, or the app has no such database.
    pub async fn of(
        deployments: Deployments<'_>,
        environment: &'a Environment,
    ) -> Result<BackedUp<'a>, CommandError> {
        BackedUp::with(deployments.log_in().await?.heroku, environment).await
    }

    /// # Errors
    /// Where the app has no such database.
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

    /// The app that owns the database. The transfers are numbered in it.
    pub fn owner(&self) -> &str {
        &self.database.billing_app.name
    }

    /// # Errors
    /// Where Heroku does not answer.
    pub async fn backups(&self) -> Result<Backups, CommandError> {
        Ok(self.heroku.backups_of(&self.database).await?)
    }

    /// The named backup, or the newest one that is complete. `capture` is the command that makes one.
    ///
    /// # Errors
    /// Where there is none that can be loaded.
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

    /// One of its backups.
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

/// A completed backup of an environment's database, and where it is.
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

    /// What it is, for people.
    pub fn describe(&self) -> String {
        let age =
            self.age().map_or_else(String::new, |age| format!(", {} old", words::duration(age)));
        format!("{} ({}), backup {}{age}", self.environment, self.app, self.transfer.name())
    }
}

/// The newest complete backup. `capture` is the command that makes one.
///
/// # Errors
/// Where there is none, or it is not clear which database the backups are of.
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

/// The backup with this name, in whatever state it is.
///
/// # Errors
/// Where there is none of this name, or it is another database's.
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
                "backup {name} of {app} is one of {other}, and not of {database}; nothing was changed"
            );
            return Err(CommandError::new(FailureKind::Refused, text).hint(format!(
                "bcops backups list {}   # shows which database each is of",
                environment.name
            )));
        }
        OfDatabase::Unclear(said) => {
            let said =
                said.as_deref().map_or_else(String::new, |said| format!(" (it names {said})"));
            let text = format!(
                "Heroku does not say that backup {name} of {app} is one of {database}{said}"
            );
            reporter.emit(Event::Warning(text));
        }
    }
    Ok(transfer.clone())
}

/// The same, if it is complete.
///
/// # Errors
/// Also where it failed, was deleted or is not complete yet.
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

/// A backup that does not exist, with those that do.
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
