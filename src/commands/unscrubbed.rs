//! Remembers which databases of this machine were loaded without a scrub.
//!
//! There are two records, and one is enough: a comment on the database itself, and a file in the
//! state folder, named after the server and the number of the database. A rename changes neither.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde_json::json;

use crate::adapters::postgres::Session;
use crate::commands::Context;
use crate::failure::{CommandError, FailureKind};
use crate::private_folder;
use crate::restore::databases::Databases;
use crate::restore::unscrubbed::{Identity, unmark_own};

/// Records the new database before its first row is loaded. Without the record no row is loaded.
pub async fn mark_incoming(context: &Context, databases: &Databases) -> Result<(), CommandError> {
    let Some(identity) = databases.mark_incoming().await? else {
        return Err(CommandError::new(
            FailureKind::Unexpected,
            "cannot mark the new database: it is gone",
        ));
    };
    forget_dropped(context, databases, &identity.server).await?;
    let line = json!({
        "schema_version": 1,
        "database": databases.names().current,
        "place": databases.place(),
        "at": jiff::Timestamp::now().to_string(),
    });
    let path = record(context, &identity);
    write(&path, &format!("{line}\n")).map_err(|error| {
        let text = format!("cannot write {}", path.display());
        CommandError::new(FailureKind::Configuration, text)
            .with_cause(error)
            .hint("point BCOPS_STATE_DIR at a folder that you may write to")
    })
}

/// Whether the database holds unscrubbed rows of real people. A missing database holds none.
pub async fn holds_personal_data(
    context: &Context,
    databases: &Databases,
    name: &str,
) -> Result<bool, CommandError> {
    let (marked, identity) = databases.mark_of(name).await?;
    // A folder that cannot be read may hold the record.
    let recorded = |identity| record(context, &identity).try_exists().unwrap_or(true);
    Ok(identity.is_some_and(|identity| marked || recorded(identity)))
}

/// Removes both records after this session's database was scrubbed and verified.
pub async fn scrubbed(
    context: &Context,
    session: &Session,
    place: &str,
) -> Result<(), CommandError> {
    let identity = Identity::own(session, place).await?;
    unmark_own(session).await?;
    remove(record(context, &identity))
}

/// Removes the files of dropped databases: a server may give their numbers to new databases.
async fn forget_dropped(
    context: &Context,
    databases: &Databases,
    server: &str,
) -> Result<(), CommandError> {
    let prefix = format!("{}-", file_stem(server));
    let mut known: Vec<(u32, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder(context)).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".json"));
        if let Some(oid) = number.and_then(|number| number.parse().ok()) {
            known.push((oid, entry.path()));
        }
    }
    let oids: Vec<u32> = known.iter().map(|(oid, _)| *oid).collect();
    let existing = databases.existing_oids(&oids).await?;
    for (oid, path) in known {
        if !existing.contains(&oid) {
            remove(path)?;
        }
    }
    Ok(())
}

fn folder(context: &Context) -> PathBuf {
    context.settings.state_directory.value.join("unscrubbed")
}

fn record(context: &Context, identity: &Identity) -> PathBuf {
    let Identity { server, oid } = identity;
    folder(context).join(format!("{}-{oid}.json", file_stem(server)))
}

/// A server's address may hold characters that a file name cannot.
fn file_stem(server: &str) -> String {
    server.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '_' }).collect()
}

fn write(path: &std::path::Path, text: &str) -> io::Result<()> {
    private_folder::create(path.parent().unwrap_or(path))?;
    private_folder::write(path, text.as_bytes())
}

fn remove(path: PathBuf) -> Result<(), CommandError> {
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let text = format!("cannot remove {}", path.display());
            Err(CommandError::new(FailureKind::Unexpected, text).with_cause(error))
        }
        _ => Ok(()),
    }
}
