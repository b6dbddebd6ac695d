//! Keeps what was pulled, when, and why: one JSON line for each pull, written before it begins.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::PullDataArgs;
use crate::commands::Context;
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
    let folder = &context.settings.state_directory.value;
    let path = folder.join("journal.jsonl");
    let line = json!({
        "schema_version": 1,
        "at": jiff::Timestamp::now().to_string(),
        "command": "pull-data",
        "source": prepared.source.describe(),
        "database": databases.names().current,
        "place": databases.place(),
        "scrubbed": prepared.scrub.is_some(),
        "reason": args.i_need_personal_data,
    });
    append(folder, &path, &line).map_err(|error| {
        CommandError::new(
            Kind::Configuration,
            format!("cannot write the journal {}", path.display()),
        )
        .with_cause(error)
        .hint("point BCOPS_STATE_DIR at a folder that you may write to")
    })
}

/// Appends in one write and waits for the disk. Nobody else may read it.
fn append(folder: &Path, path: &Path, line: &Value) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}
