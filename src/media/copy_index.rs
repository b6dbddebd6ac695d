//! Remembers the ETags of copied objects that differ from their sources' ETags.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::private_folder;
use hex::encode as hex;

use super::content::md5_of;
use super::error::MediaError;

/// The remembered copies in one bucket.
pub struct CopyIndex {
    path: PathBuf,
    /// By key: the source's ETag and the copy's ETag.
    copies: HashMap<String, (String, String)>,
}

impl CopyIndex {
    /// `place` names the destination.
    pub fn open(state: &Path, place: &str) -> Result<CopyIndex, MediaError> {
        let directory = state.join("media");
        private_folder::create(&directory).map_err(MediaError::disk("create", &directory))?;
        let path = directory.join(format!("{}.copies", hex(md5_of(place.as_bytes()))));
        let copies = match fs::read(&path) {
            // An unreadable file counts as empty, so its objects are copied again.
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => HashMap::new(),
            Err(error) => return Err(MediaError::disk("read", &path)(error)),
        };
        Ok(CopyIndex { path, copies })
    }

    pub fn is_copy(&self, key: &str, source: &str, copy: &str) -> bool {
        let known = self.copies.get(key);
        known.is_some_and(|(from, to)| !from.is_empty() && from == source && to == copy)
    }

    /// Adds copies whose ETags differ from their sources' ETags, and saves them for the next run.
    pub fn add(&mut self, copies: Vec<(String, String, String)>) -> Result<(), MediaError> {
        let before = self.copies.len();
        let mut changed = false;
        for (key, source, copy) in copies {
            if source != copy {
                self.copies.insert(key, (source, copy));
                changed = true;
            } else {
                self.copies.remove(&key);
            }
        }
        if !changed && self.copies.len() == before {
            return Ok(());
        }
        let text = serde_json::to_vec(&self.copies).unwrap_or_default();
        private_folder::write(&self.path, &text).map_err(MediaError::disk("write", &self.path))
    }
}
