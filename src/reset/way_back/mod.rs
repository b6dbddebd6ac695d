//! Checks a rollback before anything is changed: whether it can complete, what it replaces, and
//! what it loses. It also makes the backup of the present data.

mod counts;
mod database;
mod look;
mod losses;
mod open_again;
mod present;

pub use look::{Asked, WayBack, look_back};
pub use losses::Losses;
pub use present::PresentBackup;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::failure::{CommandError, FailureKind};
use crate::runbook::History;

use super::values::{RELEASE_AT_START, RELEASE_BEFORE, TIP_GIVEN_UP};

/// The values that a rollback begins with.
pub fn values_of_rollback(history: &History, back: &WayBack) -> BTreeMap<&'static str, Value> {
    let mut values = BTreeMap::new();
    if let Some(tip) = &back.gives_up {
        values.insert(TIP_GIVEN_UP.name(), json!(tip));
    }
    // The lock may be older than the deploy's record of the release that it replaces.
    let at_start = history.value(RELEASE_AT_START.name());
    let is_missing = history.value(RELEASE_BEFORE.name()).is_none();
    if let (Some(at_start), true, true) =
        (at_start, is_missing, history.step("deploy").may_have_acted)
    {
        values.insert(RELEASE_BEFORE.name(), at_start.clone());
    }
    values
}

fn refused(text: impl std::fmt::Display) -> CommandError {
    CommandError::new(FailureKind::Refused, format!("{text}; nothing was changed"))
}
