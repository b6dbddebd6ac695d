//! `manifest suggest --write`: adds the drafted entries to the site's own manifest.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::commands::Context;
use crate::failure::{CommandError, FailureKind};
use crate::scrub::Manifest;
use crate::settings::{Belief, ManifestFile};

/// The file that entries are added to. Found before the database is read.
///
/// # Errors
///
/// A configuration error if the site has no manifest of its own, or none that can be read.
pub fn destination(context: &Context) -> Result<&ManifestFile, CommandError> {
    context.settings.scrub_manifest.as_ref().ok_or_else(|| {
        let text = "cannot write the draft: the settings name no manifest of this site";
        CommandError::new(FailureKind::Configuration, text)
            .hint("for another site: bcops config init")
            .hint("or name a file in bcops.toml: scrub.manifest = \"scrub.toml\"")
    })
}

/// Adds the entries at the end of the file, or changes nothing.
pub fn add(file: &ManifestFile, entries: &str) -> Result<(), CommandError> {
    let refused = |problem: &str| {
        let text = format!("cannot write the draft to {}: {problem}", file.path.display());
        CommandError::new(FailureKind::Configuration, text)
            .hint("see the draft, and add it by hand: bcops manifest suggest")
    };
    let failed = |error: io::Error| refused("the file cannot be changed").with_cause(error);
    let before = file.read().map_err(failed)?;
    let whole = format!("{}\n\n{}\n", before.trim_end(), entries.trim());
    let origin = file.path.display().to_string();
    if let Err(error) = Manifest::parse(&origin, &whole) {
        return Err(refused("it has entries for the same tables already").with_cause(error));
    }
    // A link stays a link to the same file.
    let path = fs::canonicalize(&file.path).map_err(failed)?;
    if fs::read_to_string(&path).map_err(failed)? != before {
        return Err(refused("it was changed a moment ago"));
    }
    replace(&path, &whole).map_err(failed)
}

/// Writes a new file in the place of the old one, with its permissions.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let fresh = fresh_name(path);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&fresh)?;
        file.set_permissions(fs::metadata(path)?.permissions())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().inspect_err(|_| _ = fs::remove_file(&fresh))
}

fn fresh_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

/// Whether a line of TOML begins the entry of a table, and no rule of it.
pub fn begins_table(line: &str) -> bool {
    line.starts_with("[tables.") && !line.contains(".policy.")
}

/// What to do after the writing.
pub fn next(file: &ManifestFile) -> String {
    let path = file.path.display();
    match file.belief {
        Belief::ByName => format!("next: read {path}, then bcops manifest validate"),
        Belief::Compared(_) | Belief::TakingAwayOnly => {
            format!("next: read {path}, then bcops config trust and bcops manifest validate")
        }
    }
}
