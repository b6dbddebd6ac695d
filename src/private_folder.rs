//! Folders and files that nobody but the user can read: they tell of apps, people and files.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Makes a folder and those above it that are missing. Those that are there stay as they are.
pub fn create(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a file for what is renamed once it is whole. What lies there is removed and never written
/// to: it may be a link to somewhere else, or what a killed process left.
pub fn new_file(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes a file whole or not at all: beside it, to the disk, and then renamed.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Two processes at a time each write their own: the later one to rename it stays.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let write = || {
        let mut file = new_file(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        sync_name(path)
    };
    write().inspect_err(|_| _ = fs::remove_file(&fresh))
}

/// Puts the name of a file on the disk. Until then a file that was made, renamed or removed may be
/// as before after a power cut.
pub fn sync_name(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Why a folder that is there is not the user's alone. `None`: it is, or it is not there yet.
pub fn others_in(path: &Path, owns: impl Fn(&fs::Metadata) -> bool) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    // Who made the link decides where it leads.
    let link = fs::symlink_metadata(path).ok()?;
    for one in [&link, &found] {
        if !owns(one) {
            return Some(format!("it belongs to the user {}", one.uid()));
        }
    }
    if !found.is_dir() {
        // Nothing can be written to it, which is said where it is tried.
        return None;
    }
    let is_sticky = found.mode() & 0o1000 != 0;
    // Where each user has a group of their own, its number is mostly theirs.
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
    fn a_folder_of_others_is_told_from_ones_own() {
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
