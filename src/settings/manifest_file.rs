//! Finds the user's own manifest, and decides how far it is trusted.

use std::path::PathBuf;
use std::sync::Arc;

use super::layers::{Origin, Sourced};

/// A manifest that the configuration names.
#[derive(Debug, Clone)]
pub struct ManifestFile {
    pub path: PathBuf,
    /// The origin of the path.
    pub origin: Origin,
    pub belief: Belief,
}

/// How far a manifest is trusted.
#[derive(Debug, Clone)]
pub enum Belief {
    /// A variable, a named file or the user's own file names it.
    ByName,
    /// A trusted file names it. Holds the bytes whose digest was compared, because the file could
    /// change before a second read.
    Compared(Arc<[u8]>),
    /// A found, untrusted file names it: the manifest may only remove more than the built-in one.
    TakingAwayOnly,
}

impl ManifestFile {
    pub(super) fn new(path: Sourced<PathBuf>, belief: Belief) -> ManifestFile {
        ManifestFile { path: path.value, origin: path.origin, belief }
    }

    /// The text, from memory if it was compared.
    pub fn read(&self) -> std::io::Result<String> {
        match &self.belief {
            Belief::Compared(bytes) => String::from_utf8(bytes.to_vec())
                .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error)),
            Belief::ByName | Belief::TakingAwayOnly => std::fs::read_to_string(&self.path),
        }
    }
}
