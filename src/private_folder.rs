//! Creates folders and files that only the user can read, because they name apps, people and files.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::process_id;

/// Creates a folder and its missing parents. Existing folders do not change.
pub fn create(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Creates a file that is renamed once it is complete. An existing file is removed and never
/// written to, because it may be a link, or left by a killed process.
pub fn new_file(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes a whole file or nothing: writes a new file, syncs it, and then renames it.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = fresh_name(path);
    let write = || {
        let mut file = new_file(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        remove_unfinished(path);
        sync_name(path)
    };
    write().inspect_err(|_| _ = fs::remove_file(&fresh))
}

/// Checks that [`write()`] can create its file there. Nothing stays.
pub fn try_write(path: &Path) -> io::Result<()> {
    if path.file_name().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not the name of a file"));
    }
    let fresh = fresh_name(path);
    new_file(&fresh)?;
    fs::remove_file(&fresh)
}

/// Each process writes its own file. The last rename wins.
fn fresh_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

/// Removes what killed processes left of the same file. A failure is none of the new file.
fn remove_unfinished(path: &Path) {
    let Some((folder, name)) = path.parent().zip(path.file_name()) else { return };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name();
        let process = found
            .as_bytes()
            .strip_prefix(name.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"."))
            .and_then(|rest| rest.strip_suffix(b".new"))
            .and_then(|number| std::str::from_utf8(number).ok()?.parse().ok());
        if process.is_some_and(process_id::is_gone) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Syncs the name of a file to the disk. Before that, a power cut may undo a creation, rename or
/// removal.
pub fn sync_name(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Why an existing folder is not private. `None` if it is private or missing.
pub fn others_in(path: &Path, owns: impl Fn(&fs::Metadata) -> bool) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    // The owner of a link decides where it leads.
    let link = fs::symlink_metadata(path).ok()?;
    for one in [&link, &found] {
        if !owns(one) {
            return Some(format!("it belongs to the user {}", one.uid()));
        }
    }
    if !found.is_dir() {
        // Writing to it fails later with its own error.
        return None;
    }
    let is_sticky = found.mode() & 0o1000 != 0;
    // A user's own group usually has the same number as the user.
    let is_own_group = found.gid() == found.uid();
    let others = if is_own_group { 0o002 } else { 0o022 };
    let is_open = found.mode() & others != 0 && !is_sticky;
    is_open.then(|| "other users can write to it".to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (folder.path().join("plan.new"), folder.path().join("elsewhere"));
        fs::write(&elsewhere, "kept").unwrap();
        symlink(&elsewhere, &path).unwrap();
        new_file(&path).unwrap();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "kept");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.md");
        // No process has this number: it is above what Linux and macOS allow.
        let left = folder.path().join("report.md.99999999.new");
        let running =
            folder.path().join(format!("report.md.{}.new", std::os::unix::process::parent_id()));
        let other = folder.path().join("report.md.draft.new");
        for file in [&left, &running, &other] {
            fs::write(file, "half").unwrap();
        }
        write(&path, b"whole").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!([left.exists(), running.exists(), other.exists()], [false, true, true]);
    }

    #[test]
    fn a_folder_of_another_user_is_recognized() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        assert_eq!(others_in(&path, |_| false), None);
        create(&path).unwrap();
        assert_eq!(others_in(&path, |_| true), None);
        assert!(others_in(&path, |_| false).unwrap().contains("belongs to"));
        let with_mode = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            others_in(&path, |_| true)
        };
        assert_eq!(with_mode(0o755), None);
        assert!(with_mode(0o757).is_some());
        assert_eq!(with_mode(0o1777), None);
    }
}
