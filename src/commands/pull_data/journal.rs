//! Keeps what was pulled, when, why, and how it ended: one line is written before a pull begins,
//! and one when it has ended.

use serde_json::{Value, json};

use crate::cli::PullDataArgs;
use crate::commands::{Context, Outcome, journal};
use crate::failure::CommandError;
use crate::restore::databases::Databases;

use super::prepare::PreparedPull;

/// Notes the pull that is about to begin. Without this note it does not begin.
pub fn begin(
    context: &Context,
    args: &PullDataArgs,
    prepared: &PreparedPull,
    databases: &Databases,
) -> Result<(), CommandError> {
    append(
        context,
        json!({
            "event": "begun",
            "source": prepared.backup.describe(),
            "database": databases.names().current,
            "place": databases.place(),
            "scrubbed": prepared.archive.scrub.is_some(),
            "reason": args.i_need_personal_data,
        }),
    )
}

/// Notes what a pull brought, with what was counted.
pub fn done(context: &Context, outcome: &Outcome) -> Result<(), CommandError> {
    append(context, json!({ "event": "done", "result": outcome.result }))
}

/// Notes that a pull failed.
pub fn failed(context: &Context, error: &CommandError) -> Result<(), CommandError> {
    append(context, json!({ "event": "failed", "kind": error.kind }))
}

/// Notes that a database with personal data is about to be put in use again. Without this note it
/// is not.
pub fn begin_undo(
    context: &Context,
    databases: &Databases,
    reason: Option<&str>,
) -> Result<(), CommandError> {
    let database = &databases.names().current;
    append(context, json!({ "event": "undo begun", "database": database, "reason": reason }))
}

/// Notes that two databases were exchanged.
pub fn undone(
    context: &Context,
    databases: &Databases,
    reason: Option<&str>,
) -> Result<(), CommandError> {
    let database = &databases.names().current;
    let scrubbed = reason.is_none();
    let line = json!({ "event": "undone", "database": database, "scrubbed": scrubbed });
    append(context, line)
}

/// Notes that the kept database was dropped.
pub fn dropped(context: &Context, databases: &Databases) -> Result<(), CommandError> {
    append(context, json!({ "event": "dropped", "database": databases.names().previous }))
}

fn append(context: &Context, line: Value) -> Result<(), CommandError> {
    journal::append(context, "pull-data", line)
}
