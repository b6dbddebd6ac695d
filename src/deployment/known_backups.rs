//! Keeps the names of the latest backups on this machine, so that completion can offer them without
//! asking a server.
//!
//! Only completion reads them. A command that needs a backup asks Heroku.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::adapters::heroku::{Transfer, TransferState};
use crate::private_folder;

/// How many backups are kept. Older ones are rarely wanted.
const MOST: usize = 20;

/// A backup as Heroku last listed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBackup {
    pub name: String,
    pub finished_at: Option<Timestamp>,
}

/// Keeps the completed backups among these. A failure is not reported, because this only helps
/// completion.
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
    // Two processes may write at the same time. Each file is complete, and the last rename wins.
    if let Some(path) = path(state, environment) {
        _ = write(&path, &known);
    }
}

/// The kept backups, the newest first. Empty if there are none, or the file cannot be read.
pub fn recall(state: &Path, environment: &str) -> Vec<KnownBackup> {
    let read = path(state, environment).and_then(|path| fs::read(path).ok()).unwrap_or_default();
    serde_json::from_slice(&read).unwrap_or_default()
}

/// `None` if the environment's name cannot be a file name.
fn path(state: &Path, environment: &str) -> Option<PathBuf> {
    let fits = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '_';
    environment.chars().all(fits).then(|| state.join("backups").join(format!("{environment}.json")))
}

fn write(path: &Path, known: &[KnownBackup]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    private_folder::create(folder)?;
    private_folder::write(path, &serde_json::to_vec(known)?)
}
