//! Chooses a backup of one database, for every command that reads one.
//!
//! A backup of another database of the same app is never taken for one of this database.

use crate::adapters::heroku::{Backups, OfDatabase, Transfer, TransferState};
use crate::commands::Context;
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};

/// The backup with this name, in whatever state it is.
///
/// # Errors
/// Where there is none of this name, or it is another database's.
pub fn named(
    context: &Context,
    backups: &Backups,
    (app, environment): (&str, &str),
    name: &str,
) -> Result<Transfer, CommandError> {
    let Some((transfer, of)) = backups.named(name) else {
        return Err(unknown(app, name, backups));
    };
    let database = &backups.database;
    match of {
        OfDatabase::This => {}
        OfDatabase::Another(other) => {
            let text = format!(
                "backup {name} of {app} is one of {other}, and not of {database}; nothing was changed"
            );
            return Err(CommandError::new(FailureKind::Refused, text).hint(format!(
                "bcops backups list {environment}   # shows which database each is of"
            )));
        }
        OfDatabase::Unclear(said) => {
            let said =
                said.as_deref().map_or_else(String::new, |said| format!(" (it names {said})"));
            let text = format!(
                "Heroku does not say that backup {name} of {app} is one of {database}{said}"
            );
            context.ui.emit(Event::Warning(text));
        }
    }
    Ok(transfer.clone())
}

/// The same, if it is complete.
///
/// # Errors
/// Also where it failed, was deleted or is not complete yet.
pub fn named_and_complete(
    context: &Context,
    backups: &Backups,
    place: (&str, &str),
    name: &str,
) -> Result<Transfer, CommandError> {
    let found = named(context, backups, place, name)?;
    let (app, environment) = place;
    let why = match found.state() {
        TransferState::Completed => return Ok(found),
        TransferState::Deleted => "was deleted",
        _ => "is not complete",
    };
    let text = format!("backup {name} of {app} {why}; nothing was changed");
    Err(CommandError::new(FailureKind::Refused, text)
        .hint(format!("bcops backups list {environment}")))
}

/// A backup that is not there, with those that are.
fn unknown(app: &str, name: &str, backups: &Backups) -> CommandError {
    let own = backups.own();
    let mut known: Vec<String> =
        own.iter().filter(|one| one.is_backup()).map(Transfer::name).collect();
    known.sort();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    CommandError::new(FailureKind::Usage, format!("{app} has no backup {name}; it has: {known}"))
}
