//! Packs the tree of a commit as a `.tar.gz`, for a build without a push.
//!
//! The archive holds what a checkout holds: `export-ignore` is ignored, because it is meant for
//! published releases. The whole archive is in memory.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use git2::{FileMode, ObjectType, Oid};
use tar::{Builder, EntryType, Header};

use super::error::GitError;
use super::repository::Repository;

struct Entry {
    path: Vec<u8>,
    mode: i32,
    id: Oid,
}

impl Repository {
    /// Whether the repository has the commit and its tree.
    pub fn has_commit(&self, commit: Oid) -> Result<bool, GitError> {
        let library = self.library()?;
        Ok(library.find_commit(commit).and_then(|commit| commit.tree()).is_ok())
    }

    /// The files of a commit. A submodule is an error, because it cannot be archived.
    pub fn source_archive(&self, commit: Oid) -> Result<Bytes, GitError> {
        let library = self.library()?;
        let failed = || GitError::library(format!("the files of {commit}"));
        let found = library.find_commit(commit).map_err(failed())?;
        let time = found.time().seconds().max(0).unsigned_abs();
        let entries = entries(&library, &found).map_err(failed())?;
        let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for entry in entries {
            if entry.mode == i32::from(FileMode::Commit) {
                let path = String::from_utf8_lossy(&entry.path).into_owned();
                return Err(GitError::Submodule { commit: commit.to_string(), path });
            }
            let blob = library.find_blob(entry.id).map_err(failed())?;
            append(&mut archive, &entry, blob.content(), time)
                .map_err(|cause| GitError::Archive { commit: commit.to_string(), cause })?;
        }
        let finished = archive.into_inner().and_then(GzEncoder::finish);
        let finished =
            finished.map_err(|cause| GitError::Archive { commit: commit.to_string(), cause })?;
        Ok(finished.into())
    }
}

/// Everything except folders. Names are bytes and may not be UTF-8.
fn entries(
    library: &git2::Repository,
    commit: &git2::Commit<'_>,
) -> Result<Vec<Entry>, git2::Error> {
    let mut entries = Vec::new();
    let mut folders = vec![(Vec::new(), commit.tree_id())];
    while let Some((folder, tree)) = folders.pop() {
        for entry in &library.find_tree(tree)? {
            let mut path = folder.clone();
            path.extend_from_slice(entry.name_bytes());
            if entry.kind() == Some(ObjectType::Tree) {
                path.push(b'/');
                folders.push((path, entry.id()));
            } else {
                entries.push(Entry { path, mode: entry.filemode(), id: entry.id() });
            }
        }
    }
    Ok(entries)
}

fn append(
    archive: &mut Builder<impl Write>,
    entry: &Entry,
    content: &[u8],
    time: u64,
) -> std::io::Result<()> {
    let path = path_of(&entry.path)?;
    let mut header = Header::new_gnu();
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    if entry.mode == i32::from(FileMode::Link) {
        header.set_entry_type(EntryType::Symlink);
        header.set_mode(0o777);
        header.set_size(0);
        return archive.append_link(&mut header, path, path_of(content)?);
    }
    let is_executable = entry.mode == i32::from(FileMode::BlobExecutable);
    header.set_entry_type(EntryType::Regular);
    header.set_mode(if is_executable { 0o755 } else { 0o644 });
    header.set_size(content.len() as u64);
    archive.append_data(&mut header, path, content)
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> std::io::Result<&std::path::Path> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::path::Path::new(std::ffi::OsStr::from_bytes(bytes)))
}
