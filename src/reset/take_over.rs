//! What a run begins with that takes over from an unfinished one: staging as it was before that one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::adapters::heroku::Formation;
use crate::error::{CommandError, Kind};
use crate::restore::OpenBackup;
use crate::runbook::{RunId, StepContext, StepResult};

use super::accounts::{self, Account};
use super::unfinished::Before;
use super::values::{
    BACKUP, BackupTaken, FORMATION_BEFORE, MAINTENANCE_BEFORE, SITES_BEFORE, TAKEN_OVER, TakenOver,
};
use super::world::Surroundings;

/// `present` is the app's maintenance mode and formation, where they are known. What somebody else
/// has changed since the unfinished run stopped is theirs and stays.
pub fn values_of_takeover(
    before: &Before,
    run: &RunId,
    present: Option<(bool, &Formation)>,
) -> BTreeMap<&'static str, Value> {
    let mut values = BTreeMap::new();
    if let Some((maintenance, formation)) = present {
        if before.explains_maintenance(maintenance) {
            values.insert(MAINTENANCE_BEFORE.name(), json!(false));
        }
        let wanted = before.formation_from(formation);
        if wanted != *formation {
            values.insert(FORMATION_BEFORE.name(), json!(wanted));
        }
    }
    let mut taken = before.taken_over(run);
    // A backup of what is there now would keep rows that nobody has verified; and where staging was
    // closed all the while, the backup from before is what people had.
    let is_closed = before.has_closed && present.is_none_or(|(maintenance, _)| maintenance);
    let keeps = before.has_filled && (before.is_unverified || is_closed);
    taken.keeps_backup = keeps && before.backup.is_some();
    if let Some(backup) = before.backup.as_ref().filter(|_| taken.keeps_backup) {
        values.insert(BACKUP.name(), json!(backup));
        // The Site records in the database may be those of production by now.
        if let Some(sites) = &before.sites {
            values.insert(SITES_BEFORE.name(), json!(sites));
        }
    }
    values.insert(TAKEN_OVER.name(), json!(taken));
    values
}

/// The backup of the unfinished run, where this run goes on with it.
pub fn kept_backup(values: &BTreeMap<&'static str, Value>) -> Option<BackupTaken> {
    serde_json::from_value(values.get(BACKUP.name())?.clone()).ok()
}

/// The accounts that only staging had before the unfinished run, by its backup.
///
/// # Errors
/// A backup or a production that cannot be read.
pub async fn accounts_before(
    surroundings: &Surroundings,
    backup: &BackupTaken,
) -> Result<Vec<Account>, CommandError> {
    let owner = surroundings.destination_backups();
    let bytes = OpenBackup::download(&surroundings.heroku, owner, backup.num).await?.bytes;
    let users = surroundings.settings.local.users_table.clone();
    let reading = tokio::task::spawn_blocking(move || accounts::list_stored(bytes, &users));
    let ended = |cause| {
        let text = "the reading of the backup ended early";
        CommandError::new(Kind::Unexpected, text).with_cause(cause)
    };
    let stored = reading.await.map_err(ended)??;
    let production = surroundings.connect_source().await?;
    let users = &surroundings.settings.local.users_table;
    Ok(accounts::not_in_production(stored, &production, users).await?)
}

/// The unfinished run that has left staging closed, where this run began with that: a rollback of
/// this run leaves it closed as well.
pub(super) fn left_closed(context: &StepContext) -> StepResult<Option<TakenOver>> {
    Ok(context.get(&TAKEN_OVER)?.filter(|taken| taken.closed))
}
