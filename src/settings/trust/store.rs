//! Keeps the records of trusted files, in a folder that only the user writes to.
//!
//! The folder lies under the user's configuration home. It is not used inside a git working tree,
//! because a clone could bring its own records.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::failure::{CommandError, FailureKind};
use crate::private_folder;
use crate::settings::files::configuration_home;
use crate::settings::owner::Operator;
use crate::settings::{ProcessEnv, digest};

#[derive(Debug, Error)]
pub enum StoreError {
    #[error(
        "cannot keep trust records: neither HOME nor XDG_CONFIG_HOME is set to an absolute path"
    )]
    NoHome,
    #[error("cannot keep trust records in {}: it lies in the git working tree {}", .folder.display(), .tree.display())]
    InWorkingTree { folder: PathBuf, tree: PathBuf },
    #[error("cannot use {}: other users can write to it", .path.display())]
    OtherWriters { path: PathBuf },
    #[error("cannot read {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", .path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The record of one trusted file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    schema_version: u32,
    /// For people only. The fingerprint decides, and covers the path too.
    pub path: String,
    pub fingerprint: String,
    pub trusted_at: jiff::Timestamp,
}

impl Record {
    pub fn new(path: &Path, fingerprint: String) -> Record {
        let path = path.display().to_string();
        Record { schema_version: 1, path, fingerprint, trusted_at: jiff::Timestamp::now() }
    }
}

/// The folder of the records.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    operator: Operator,
}

impl Store {
    pub fn of(process: &ProcessEnv<'_>) -> Result<Store, StoreError> {
        let home = configuration_home(process).ok_or(StoreError::NoHome)?;
        let folder = home.join("bcops/trusted");
        if let Some(tree) = working_tree_around(&folder) {
            return Err(StoreError::InWorkingTree { folder, tree });
        }
        Ok(Store { folder, operator: Operator::of(process) })
    }

    /// The record of the file at this place. An unreadable record counts as missing.
    pub fn record(&self, place: &Path) -> Result<Option<Record>, StoreError> {
        let path = self.path_of(place);
        let read = |source| StoreError::Read { path: path.clone(), source };
        let mut options = OpenOptions::new();
        let file = match options.read(true).custom_flags(libc::O_NOFOLLOW).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(read(error)),
        };
        self.check_writers(&self.folder, &fs::symlink_metadata(&self.folder).map_err(read)?)?;
        self.check_writers(&path, &file.metadata().map_err(read)?)?;
        let text = io::read_to_string(file).map_err(read)?;
        Ok(serde_json::from_str(&text).ok().filter(|record: &Record| record.schema_version == 1))
    }

    /// Writes the whole record or nothing.
    pub fn write(&self, place: &Path, record: &Record) -> Result<(), StoreError> {
        let path = self.path_of(place);
        let fail = |source| StoreError::Write { path: path.clone(), source };
        private_folder::create(&self.folder).map_err(fail)?;
        self.check_writers(&self.folder, &fs::symlink_metadata(&self.folder).map_err(fail)?)?;
        let text = serde_json::to_string_pretty(record).map_err(|error| fail(error.into()))?;
        private_folder::write(&path, text.as_bytes()).map_err(fail)
    }

    /// Removes a record, and returns whether there was one.
    pub fn remove(&self, place: &Path) -> Result<bool, StoreError> {
        let path = self.path_of(place);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(StoreError::Write { path, source }),
        }
    }

    fn path_of(&self, place: &Path) -> PathBuf {
        self.folder.join(format!("{}.json", digest::of(place.as_os_str().as_bytes())))
    }

    fn check_writers(&self, path: &Path, metadata: &fs::Metadata) -> Result<(), StoreError> {
        match self.operator.owns(metadata) && metadata.mode() & 0o022 == 0 {
            true => Ok(()),
            false => Err(StoreError::OtherWriters { path: path.to_owned() }),
        }
    }
}

/// The git working tree around a folder, through all links, even if the folder does not exist.
fn working_tree_around(folder: &Path) -> Option<PathBuf> {
    let existing = folder.ancestors().find_map(|one| fs::canonicalize(one).ok());
    let both = [Some(folder.to_owned()), existing];
    let around = |path: PathBuf| {
        let is_tree = |one: &&Path| one.join(".git").symlink_metadata().is_ok();
        path.ancestors().find(is_tree).map(Path::to_owned)
    };
    both.into_iter().flatten().find_map(around)
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let hint = match &error {
            StoreError::NoHome => Some("set HOME, or name the file: --config FILE"),
            StoreError::InWorkingTree { .. } => Some(
                "set XDG_CONFIG_HOME to a folder outside the working tree, or name the file: --config FILE",
            ),
            StoreError::OtherWriters { .. } => Some(
                "inspect the folder's content, then remove the write permission of others: chmod -R go-w",
            ),
            StoreError::Read { .. } | StoreError::Write { .. } => {
                Some("make it readable and writable for you, or name the file: --config FILE")
            }
        };
        CommandError::wrap(FailureKind::Configuration, error).with_hints(hint)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn store(home: &Path) -> Result<Store, StoreError> {
        Store::of(&ProcessEnv {
            variable: &|_| None,
            working_directory: Path::new("/"),
            home: Some(home),
            config_file: None,
        })
    }

    #[test]
    fn a_record_is_private_and_can_be_read_back() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path()).unwrap();
        let place = Path::new("/somewhere/bcops.toml");
        assert_eq!(store.record(place).unwrap(), None);
        let record = Record::new(place, "print".to_owned());
        store.write(place, &record).unwrap();
        store.write(place, &record).unwrap();
        assert_eq!(store.record(place).unwrap(), Some(record));
        let folder = home.path().join(".config/bcops/trusted");
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        let files: Vec<_> = fs::read_dir(&folder).unwrap().flatten().collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].metadata().unwrap().mode() & 0o777, 0o600);
        assert!(store.remove(place).unwrap() && !store.remove(place).unwrap());
    }

    #[test]
    fn records_that_others_could_have_written_are_not_trusted() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path()).unwrap();
        let place = Path::new("/somewhere/bcops.toml");
        store.write(place, &Record::new(place, "print".to_owned())).unwrap();
        let path = store.path_of(place);
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&path, 0o620);
        assert!(matches!(store.record(place), Err(StoreError::OtherWriters { .. })));
        mode(&path, 0o600);
        mode(&store.folder, 0o777);
        assert!(matches!(store.record(place), Err(StoreError::OtherWriters { .. })));
        mode(&store.folder, 0o700);
        fs::write(&path, "not a record").unwrap();
        assert_eq!(store.record(place).unwrap(), None);
        let elsewhere = home.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert!(matches!(store.record(place), Err(StoreError::Read { .. })));
    }

    #[test]
    fn a_folder_in_a_working_tree_is_refused_in_every_way() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("clone");
        fs::create_dir_all(tree.join(".git")).unwrap();
        let refused = |home: &Path| matches!(store(home), Err(StoreError::InWorkingTree { .. }));
        assert!(refused(&tree) && refused(&tree.join("not/there/yet")));
        let link = folder.path().join("link");
        symlink(&tree, &link).unwrap();
        assert!(refused(&link) && refused(&link.join("deeper")));
        // A worktree and a submodule have a file called `.git`.
        fs::remove_dir(tree.join(".git")).unwrap();
        fs::write(tree.join(".git"), "gitdir: /elsewhere").unwrap();
        assert!(refused(&tree));
        assert!(store(folder.path()).is_ok());
        assert!(matches!(store(Path::new("relative")), Err(StoreError::NoHome)));
    }
}
