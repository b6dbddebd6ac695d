//! Keeps what was pulled, when, why, and how it ended: one line is written before a pull begins,
//! and one when it has ended.

use serde_json::{Value, json};

use crate::cli::PullDataArgs;
use crate::commands::{Context, Outcome, journal};
use crate::error::CommandError;
use crate::restore::databases::Databases;

use super::prepare::Prepared;

/// Notes the pull that is about to begin. Without this note it does not begin.
pub fn begin(
    context: &Context,
    args: &PullDataArgs,
    prepared: &Prepared,
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

/// Notes how a pull ended, with what was counted.
pub fn end(context: &Context, outcome: &Result<Outcome, CommandError>) -> Result<(), CommandError> {
    append(
        context,
        match outcome {
            Ok(outcome) => json!({ "event": "done", "result": outcome.result }),
            Err(error) => json!({ "event": "failed", "kind": error.kind.name() }),
        },
    )
}

/// Notes that two databases were exchanged.
pub fn undone(context: &Context, databases: &Databases) -> Result<(), CommandError> {
    append(context, json!({ "event": "undone", "database": databases.names().current }))
}

fn append(context: &Context, line: Value) -> Result<(), CommandError> {
    journal::append(context, "pull-data", line)
}
