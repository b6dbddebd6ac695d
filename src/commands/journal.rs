//! Writes the journal of what was done to databases: JSON lines with counts and names, without a
//! value of any row.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::commands::Context;
use crate::failure::{CommandError, FailureKind};

/// Appends a line about a command.
pub fn append(context: &Context, command: &str, mut line: Value) -> Result<(), CommandError> {
    if let Some(fields) = line.as_object_mut() {
        fields.insert("schema_version".to_owned(), json!(1));
        fields.insert("at".to_owned(), json!(jiff::Timestamp::now().to_string()));
        fields.insert("command".to_owned(), json!(command));
    }
    let folder = &context.settings.state_directory.value;
    let path = folder.join("journal.jsonl");
    write_line(folder, &path, &line).map_err(|error| {
        let text = format!("cannot write the journal {}", path.display());
        CommandError::new(FailureKind::Configuration, text)
            .with_cause(error)
            .hint("point BCOPS_STATE_DIR at a folder that you may write to")
    })
}

/// Appends in one write and waits for the disk. Only the user can read the file.
fn write_line(folder: &Path, path: &Path, line: &Value) -> io::Result<()> {
    crate::private_folder::create(folder)?;
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}
