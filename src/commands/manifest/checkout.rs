//! Reads the files of a checkout that decide about the site's tables.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::django_migrations::{LONGEST_FILE, SourceFile, is_wanted_for_tables};
use crate::failure::{CommandError, FailureKind};

#[derive(Debug, Error)]
pub enum CheckoutError {
    #[error("cannot read the migrations of {}: it is not a folder", path.display())]
    NotAFolder { path: PathBuf },
    #[error("cannot read the folder {}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("{} has no migrations of Django", path.display())]
    NoMigrations { path: PathBuf },
}

impl From<CheckoutError> for CommandError {
    fn from(error: CheckoutError) -> Self {
        let (kind, hint) = match &error {
            CheckoutError::NotAFolder { .. } | CheckoutError::NoMigrations { .. } => {
                (FailureKind::Usage, "in the site's checkout: bcops manifest check")
            }
            CheckoutError::Folder { .. } => {
                (FailureKind::Configuration, "make the folder readable for this account")
            }
        };
        CommandError::wrap(kind, error).hint(hint)
    }
}

/// Folders with packages, which are not the site's own.
const OF_PACKAGES: [&str; 4] = ["__pycache__", "dist-packages", "node_modules", "site-packages"];

/// More levels of folders than any site has.
const DEEPEST: usize = 64;

/// The files below the folder, with paths from there. Hidden folders, packages and links to other
/// folders are skipped.
///
/// # Errors
/// A folder cannot be read: it could hold migrations.
pub fn read(folder: &Path) -> Result<Vec<SourceFile>, CheckoutError> {
    if !folder.is_dir() {
        return Err(CheckoutError::NotAFolder { path: folder.to_owned() });
    }
    let mut files = Vec::new();
    read_below(folder, folder, 0, &mut files)?;
    Ok(files)
}

fn read_below(
    top: &Path,
    folder: &Path,
    depth: usize,
    files: &mut Vec<SourceFile>,
) -> Result<(), CheckoutError> {
    let failed = |source| CheckoutError::Folder { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        let name = entry.file_name().to_string_lossy().into_owned();
        if kind.is_dir() {
            let is_own = !name.starts_with('.')
                && !OF_PACKAGES.contains(&name.as_str())
                && !path.join("pyvenv.cfg").exists();
            if is_own && depth < DEEPEST {
                read_below(top, &path, depth + 1, files)?;
            }
            continue;
        }
        let place = path.strip_prefix(top).unwrap_or(&path).to_string_lossy().into_owned();
        if is_wanted_for_tables(&place) {
            files.push(SourceFile { path: place, text: text(&path) });
        }
    }
    Ok(())
}

fn text(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: io::Error| format!("it cannot be opened: {error}");
    let found = fs::metadata(path).map_err(cannot)?;
    if !found.is_file() {
        return Err("it is not a file".to_owned());
    }
    match found.len() > LONGEST_FILE as u64 {
        true => Err(format!("it is longer than {} MiB", LONGEST_FILE >> 20)),
        false => fs::read(path).map_err(cannot),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sites_own_files_are_read() {
        let top = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = top.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x = 1\n").unwrap();
        };
        for path in [
            "bc/news/migrations/0001_initial.py",
            "bc/news/migrations/__init__.py",
            "bc/news/models.py",
            "bc/settings/base.py",
            ".git/migrations/0001_initial.py",
            "env/pyvenv.cfg",
            "env/lib/app/migrations/0001_initial.py",
            "lib/site-packages/app/migrations/0001_initial.py",
            "node_modules/app/migrations/0001_initial.py",
        ] {
            write(path);
        }
        std::os::unix::fs::symlink(top.path().join("bc"), top.path().join("again")).unwrap();
        let long = top.path().join("bc/news/migrations/0002_long.py");
        fs::write(&long, vec![b' '; LONGEST_FILE + 1]).unwrap();
        let mut files = read(top.path()).unwrap();
        files.sort_by(|left, right| left.path.cmp(&right.path));
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let expected = [
            "bc/news/migrations/0001_initial.py",
            "bc/news/migrations/0002_long.py",
            "bc/news/migrations/__init__.py",
            "bc/settings/base.py",
        ];
        assert_eq!(paths, expected);
        let unread: Vec<bool> = files.iter().map(|file| file.text.is_err()).collect();
        assert_eq!(unread, [false, true, false, false]);
        assert!(matches!(read(&long), Err(CheckoutError::NotAFolder { .. })));
    }
}
