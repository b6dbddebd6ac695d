//! The backups that were seen last, kept on this machine so that completion can offer them while
//! somebody types, when no server is asked.
//!
//! Nothing else reads them: a command that needs a backup asks Heroku.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::adapters::heroku::{Transfer, TransferState};
use crate::private_folder;

/// Older backups are hardly what somebody wants to name.
const MOST: usize = 20;

/// A backup as it was when it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBackup {
    pub name: String,
    pub finished_at: Option<Timestamp>,
}

/// Keeps the completed ones of these. It is a convenience, so that nothing is said where it fails.
pub fn remember(state: &Path, environment: &str, transfers: &[Transfer]) {
    let mut completed: Vec<&Transfer> = transfers
        .iter()
        .filter(|one| one.is_backup() && one.state() == TransferState::Completed)
        .collect();
    completed.sort_by_key(|one| std::cmp::Reverse(one.num));
    completed.truncate(MOST);
    let known: Vec<KnownBackup> = completed
        .into_iter()
        .map(|one| KnownBackup { name: one.name(), finished_at: one.finished_at })
        .collect();
    // Two at a time write the same or the newer: whichever is renamed last stays whole.
    if let Some(path) = path(state, environment) {
        _ = write(&path, &known);
    }
}

/// The newest first; none where nothing was seen yet, or the file cannot be read.
pub fn recall(state: &Path, environment: &str) -> Vec<KnownBackup> {
    let read = path(state, environment).and_then(|path| fs::read(path).ok()).unwrap_or_default();
    serde_json::from_slice(&read).unwrap_or_default()
}

/// None where the environment's name is not fit for a file's.
fn path(state: &Path, environment: &str) -> Option<PathBuf> {
    let fits = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '_';
    environment.chars().all(fits).then(|| state.join("backups").join(format!("{environment}.json")))
}

fn write(path: &Path, known: &[KnownBackup]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    private_folder::create(folder)?;
    private_folder::write(path, &serde_json::to_vec(known)?)
}
