//! Keeps what was pulled, when, why, and how it ended: JSON lines, one written before a pull begins
//! and one when it has ended. They hold counts and names, and no value of any row.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::PullDataArgs;
use crate::commands::{Context, Outcome};
use crate::error::{CommandError, Kind};
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
        "pull-data",
        json!({
            "event": "begun",
            "source": prepared.source.describe(),
            "database": databases.names().current,
            "place": databases.place(),
            "scrubbed": prepared.scrub.is_some(),
            "reason": args.i_need_personal_data,
        }),
    )
}

/// Notes how a pull ended, with what was counted.
pub fn end(context: &Context, outcome: &Result<Outcome, CommandError>) -> Result<(), CommandError> {
    append(
        context,
        "pull-data",
        match outcome {
            Ok(outcome) => json!({ "event": "done", "result": outcome.result }),
            Err(error) => json!({ "event": "failed", "kind": error.kind.name() }),
        },
    )
}

/// Notes that two databases were exchanged.
pub fn undone(context: &Context, databases: &Databases) -> Result<(), CommandError> {
    append(
        context,
        "pull-data",
        json!({ "event": "undone", "database": databases.names().current }),
    )
}

/// Adds a line of any command.
pub fn append(context: &Context, command: &str, mut line: Value) -> Result<(), CommandError> {
    line["schema_version"] = json!(1);
    line["at"] = json!(jiff::Timestamp::now().to_string());
    line["command"] = json!(command);
    let folder = &context.settings.state_directory.value;
    let path = folder.join("journal.jsonl");
    write_line(folder, &path, &line).map_err(|error| {
        let text = format!("cannot write the journal {}", path.display());
        CommandError::new(Kind::Configuration, text)
            .with_cause(error)
            .hint("point BCOPS_STATE_DIR at a folder that you may write to")
    })
}

/// Appends in one write and waits for the disk. Nobody else may read it.
fn write_line(folder: &Path, path: &Path, line: &Value) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}
