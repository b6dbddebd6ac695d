//! Records what was pulled, when, why, and how it ended: one line before a pull begins, and one
//! after its end.

use serde_json::{Value, json};

use crate::cli::PullDataArgs;
use crate::commands::{Context, Outcome, journal};
use crate::failure::CommandError;
use crate::restore::databases::Databases;

use super::prepare::PreparedPull;

/// Records that a pull begins. Without this record it does not begin.
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

/// Records the result of a pull, with its counts.
pub fn done(context: &Context, outcome: &Outcome) -> Result<(), CommandError> {
    append(context, json!({ "event": "done", "result": outcome.result }))
}

/// Records that a pull failed.
pub fn failed(context: &Context, error: &CommandError) -> Result<(), CommandError> {
    append(context, json!({ "event": "failed", "kind": error.kind }))
}

/// Records that a database with personal data will be used again. Without this record it is not.
pub fn begin_undo(
    context: &Context,
    databases: &Databases,
    reason: Option<&str>,
) -> Result<(), CommandError> {
    let database = &databases.names().current;
    append(context, json!({ "event": "undo begun", "database": database, "reason": reason }))
}

/// Records that two databases were exchanged.
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

/// Records that the kept database was dropped.
pub fn dropped(context: &Context, databases: &Databases) -> Result<(), CommandError> {
    append(context, json!({ "event": "dropped", "database": databases.names().previous }))
}

fn append(context: &Context, line: Value) -> Result<(), CommandError> {
    journal::append(context, "pull-data", line)
}
