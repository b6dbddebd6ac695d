//! Collects the values for a run that takes over from an unfinished one: the state of staging
//! before that run.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::adapters::heroku::Formation;
use crate::failure::CommandError;
use crate::runbook::{RunId, StepContext, StepResult};

use super::accounts::{self, Account};
use super::unfinished::Before;
use super::values::{
    BACKUP, BackupTaken, FORMATION_BEFORE, MAINTENANCE_BEFORE, SITES_BEFORE, TAKEN_OVER, TakenOver,
};
use super::world::Sides;

/// The values that the new run begins with. `present` is the app's maintenance mode and formation,
/// if known. Changes that someone else made after the unfinished run stopped are kept.
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
    // If staging stayed closed, the backup of the unfinished run has the data that people used. A
    // new backup would have rows that are not verified. If a person has opened staging since, the
    // present data is what people use.
    let is_closed =
        present.is_none_or(|(maintenance, formation)| maintenance || formation.serves_nobody());
    let taken = before.taken_over(run, is_closed);
    if let Some(backup) = before.backup.as_ref().filter(|_| taken.keeps_backup) {
        values.insert(BACKUP.name(), json!(backup));
        // The Site records in the database may be production's now.
        if let Some(sites) = &before.sites {
            values.insert(SITES_BEFORE.name(), json!(sites));
        }
    }
    values.insert(TAKEN_OVER.name(), json!(taken));
    values
}

/// The backup of the unfinished run, if this run keeps it.
pub fn kept_backup(values: &BTreeMap<&'static str, Value>) -> Option<BackupTaken> {
    serde_json::from_value(values.get(BACKUP.name())?.clone()).ok()
}

/// The accounts that only staging had before the unfinished run, from its backup.
///
/// # Errors
/// If the backup or production cannot be read.
pub async fn accounts_before(
    sides: &Sides,
    backup: &BackupTaken,
) -> Result<Vec<Account>, CommandError> {
    let users = sides.settings.local.users_table.clone();
    let read = move |bytes| accounts::list_stored(bytes, &users);
    let stored = sides.read_backup(backup.num, read).await?;
    let production = sides.connect_source().await?;
    let users = &sides.settings.local.users_table;
    Ok(accounts::not_in_production(stored, &production, users).await?)
}

/// The unfinished run that left staging closed, if this run took over from it. A rollback of this
/// run leaves staging closed as well.
pub(super) fn left_closed(context: &StepContext) -> StepResult<Option<TakenOver>> {
    Ok(context.get(&TAKEN_OVER)?.filter(|taken| taken.closed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::heroku::Scale;

    fn formation(quantity: u32) -> Formation {
        Formation([("web".to_owned(), Scale { quantity, size: "Basic".to_owned() })].into())
    }

    /// A run that was killed while it filled the database.
    fn killed() -> Before {
        Before {
            maintenance: Some(false),
            formation: Some(formation(2)),
            backup: Some(BackupTaken { name: "b001".into(), num: 1, uuid: "u".into() }),
            has_closed: true,
            has_stopped: true,
            has_filled: true,
            ..Before::default()
        }
    }

    fn taken(before: &Before, present: Option<(bool, &Formation)>) -> (TakenOver, bool) {
        let run = RunId::parse("r20261122-201530-4f2a").expect("a run");
        let values = values_of_takeover(before, &run, present);
        let taken = values[TAKEN_OVER.name()].clone();
        (serde_json::from_value(taken).expect("it"), kept_backup(&values).is_some())
    }

    #[test]
    fn a_staging_that_is_still_closed_keeps_the_first_backup_and_stays_closed() {
        for present in [None, Some((true, &formation(0))), Some((false, &formation(0)))] {
            let (taken, keeps) = taken(&killed(), present);
            assert!(taken.closed && taken.keeps_backup && keeps, "{present:?}");
        }
    }

    #[test]
    fn a_staging_that_a_person_has_opened_since_is_backed_up_and_left_open() {
        let (taken, keeps) = taken(&killed(), Some((false, &formation(1))));
        assert!(!taken.closed && !taken.keeps_backup && !keeps);
    }

    #[test]
    fn a_staging_closed_by_a_person_after_the_run_does_not_count_as_the_runs() {
        let opened = Before { has_closed: false, has_stopped: false, ..killed() };
        let (taken, keeps) = taken(&opened, Some((true, &formation(1))));
        assert!(!taken.closed && !keeps);
    }
}
