//! What a run begins with that takes over from an unfinished one: staging as it was before that one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::adapters::heroku::Formation;
use crate::runbook::{RunId, StepContext, StepResult};

use super::unfinished::Before;
use super::values::{BACKUP, FORMATION_BEFORE, MAINTENANCE_BEFORE, TAKEN_OVER, TakenOver};

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
    match (&before.backup, taken.unverified) {
        // A backup of what is there now would keep rows that nobody has verified.
        (Some(backup), true) => _ = values.insert(BACKUP.name(), json!(backup)),
        _ => taken.unverified = false,
    }
    values.insert(TAKEN_OVER.name(), json!(taken));
    values
}

/// The unfinished run that has left staging closed, where this run began with that: a rollback of
/// this run leaves it closed as well.
pub(super) fn left_closed(context: &StepContext) -> StepResult<Option<TakenOver>> {
    Ok(context.get(&TAKEN_OVER)?.filter(|taken| taken.closed))
}
