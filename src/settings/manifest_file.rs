//! The user's own manifest: where it is, and how far it is believed.

use std::path::PathBuf;
use std::sync::Arc;

use super::layers::{Origin, Sourced};

/// A manifest that the configuration names.
#[derive(Debug, Clone)]
pub struct ManifestFile {
    pub path: PathBuf,
    /// Where its name comes from.
    pub origin: Origin,
    pub belief: Belief,
}

/// How far a manifest is believed.
#[derive(Debug, Clone)]
pub enum Belief {
    /// A variable, a named file or the user's own file names it.
    ByName,
    /// A trusted file names it. These are the bytes whose digest was compared: the file is not read
    /// a second time, when it could be another one.
    Compared(Arc<[u8]>),
    /// A found file that is not trusted names it: it may take away more than the built-in manifest,
    /// and do nothing else.
    TakingAwayOnly,
}

impl ManifestFile {
    pub(super) fn new(path: Sourced<PathBuf>, belief: Belief) -> ManifestFile {
        ManifestFile { path: path.value, origin: path.origin, belief }
    }

    /// The text, which is in memory where it was compared.
    pub fn read(&self) -> std::io::Result<String> {
        match &self.belief {
            Belief::Compared(bytes) => String::from_utf8(bytes.to_vec())
                .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error)),
            Belief::ByName | Belief::TakingAwayOnly => std::fs::read_to_string(&self.path),
        }
    }
}
