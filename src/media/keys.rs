//! Decides which keys can be files, and which files can be keys.
//!
//! Keys are untrusted input, chosen by anyone who may write to the bucket. A key that cannot be
//! stored exactly inside the media folder is refused by name, and the other keys continue.

use std::collections::{HashMap, HashSet};

use thiserror::Error;

use crate::adapters::s3::ListedObject;

use super::local::is_temporary;

/// The longest part of a path on most file systems, in bytes.
const LONGEST_PART: usize = 255;
const LONGEST_KEY: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyProblem {
    #[error("the key begins with a slash, so its file would be outside the media folder")]
    Absolute,
    #[error("the key has a part `.` or `..`, which leads to another path")]
    Dots,
    #[error("the key has an empty part, which a path cannot have")]
    EmptyPart,
    #[error("the key ends in a slash but has content, and a folder cannot have content")]
    FolderWithContent,
    #[error("the key contains a NUL, which a path cannot contain")]
    Nul,
    #[error("a part of the key is longer than {LONGEST_PART} bytes")]
    LongPart,
    #[error("the key would be longer than {LONGEST_KEY} bytes")]
    LongKey,
    #[error("the name is reserved for unfinished transfers of bcops")]
    Reserved,
    #[error("`{0}` exists too, and a name cannot be both a file and a folder")]
    FileAndFolder(String),
    #[error("the key differs only in case from `{0}`, and this disk ignores case")]
    Case(String),
    #[error("the name is not UTF-8, as keys must be; nothing below its folder is deleted")]
    NotUtf8,
    #[error("bcops does not follow symbolic links")]
    Link,
    #[error("neither a file nor a folder")]
    NoFile,
}

/// A key that was skipped, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub key: String,
    pub problem: KeyProblem,
}

impl Refused {
    /// The key or folder where nothing may be deleted because of this problem. A name that is not
    /// UTF-8 may correspond to any key in its folder, so the whole folder counts.
    pub fn place(&self) -> &str {
        match self.problem {
            KeyProblem::NotUtf8 => self.key.rsplit_once('/').map_or("", |(folder, _)| folder),
            _ => &self.key,
        }
    }
}

/// Removes keys that cannot be stored on a disk from a listing, and returns them. Empty folder
/// markers are removed silently.
pub fn refuse_for_disk(objects: &mut Vec<ListedObject>, ignores_case: bool) -> Vec<Refused> {
    let mut refused = Vec::new();
    let mut refuse = |key: &str, problem| refused.push(Refused { key: key.to_owned(), problem });
    objects.retain(|object| {
        if object.key.ends_with('/') && object.size == 0 {
            return false;
        }
        match check(&object.key) {
            Ok(()) => true,
            Err(problem) => {
                refuse(&object.key, problem);
                false
            }
        }
    });
    let clashes = {
        let mut folders: HashMap<&str, &str> = HashMap::new();
        for object in objects.iter() {
            let mut rest = object.key.as_str();
            while let Some((folder, _)) = rest.rsplit_once('/') {
                if folders.insert(folder, &object.key).is_some() {
                    break;
                }
                rest = folder;
            }
        }
        let clash = |object: &ListedObject| {
            let inner = folders.get(object.key.as_str())?;
            Some((object.key.clone(), (*inner).to_owned()))
        };
        objects.iter().filter_map(clash).collect::<HashMap<String, String>>()
    };
    objects.retain(|object| match clashes.get(&object.key) {
        Some(inner) => {
            refuse(&object.key, KeyProblem::FileAndFolder(inner.clone()));
            false
        }
        None => true,
    });
    if ignores_case {
        let mut seen: HashMap<String, String> = HashMap::new();
        objects.retain(|object| {
            let folded = object.key.to_lowercase();
            if let Some(other) = seen.get(&folded) {
                refuse(&object.key, KeyProblem::Case(other.clone()));
                return false;
            }
            seen.insert(folded, object.key.clone());
            true
        });
    }
    refused
}

/// Removes keys that cannot be requested from a listing: HTTP clients and servers shorten a path
/// with dots.
pub fn refuse_for_copy(objects: &mut Vec<ListedObject>) -> Vec<Refused> {
    let mut refused = Vec::new();
    objects.retain(|object| {
        let dots = object.key.split('/').any(|part| matches!(part, "." | ".."));
        let problem = match (dots, object.key.contains('\0')) {
            (true, _) => KeyProblem::Dots,
            (_, true) => KeyProblem::Nul,
            _ => return true,
        };
        refused.push(Refused { key: object.key.clone(), problem });
        false
    });
    refused
}

/// Checks that a file of this name can be an object.
pub fn refuse_local(key: &str) -> Result<(), KeyProblem> {
    if key.len() > LONGEST_KEY { Err(KeyProblem::LongKey) } else { Ok(()) }
}

fn check(key: &str) -> Result<(), KeyProblem> {
    if key.starts_with('/') {
        return Err(KeyProblem::Absolute);
    }
    if key.contains('\0') {
        return Err(KeyProblem::Nul);
    }
    if key.len() > LONGEST_KEY {
        return Err(KeyProblem::LongKey);
    }
    let trimmed = key.strip_suffix('/').unwrap_or(key);
    for part in trimmed.split('/') {
        match part {
            "" => return Err(KeyProblem::EmptyPart),
            "." | ".." => return Err(KeyProblem::Dots),
            long if long.len() > LONGEST_PART => return Err(KeyProblem::LongPart),
            name if is_temporary(name) => return Err(KeyProblem::Reserved),
            _ => {}
        }
    }
    if trimmed.len() < key.len() { Err(KeyProblem::FolderWithContent) } else { Ok(()) }
}

/// Whether a key is one of these places, or below one.
pub fn is_at_or_below(key: &str, places: &HashSet<String>) -> bool {
    if places.is_empty() {
        return false;
    }
    let mut rest = key;
    loop {
        if places.contains(rest) {
            return true;
        }
        match rest.rsplit_once('/') {
            Some((folder, _)) => rest = folder,
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn objects(keys: &[&str]) -> Vec<ListedObject> {
        let object = |key: &&str| ListedObject {
            key: (*key).to_owned(),
            size: 1,
            etag: String::new(),
            modified: jiff::Timestamp::UNIX_EPOCH,
            is_archived: false,
        };
        keys.iter().map(object).collect()
    }

    #[test]
    fn hostile_keys_are_refused_by_name() {
        let long = format!("images/{}", "x".repeat(256));
        for (key, problem) in [
            ("images/../evil", KeyProblem::Dots),
            ("images/./x", KeyProblem::Dots),
            ("images//x", KeyProblem::EmptyPart),
            ("/images/x", KeyProblem::Absolute),
            ("images/d/", KeyProblem::FolderWithContent),
            ("images/a\0b", KeyProblem::Nul),
            ("images/.bcops-0123456789abcdef.part", KeyProblem::Reserved),
            (&long, KeyProblem::LongPart),
        ] {
            let mut list = objects(&[key, "images/good.jpg"]);
            let refused = refuse_for_disk(&mut list, false);
            assert_eq!(refused, [Refused { key: key.to_owned(), problem }]);
            assert_eq!(list.len(), 1);
        }
    }

    #[test]
    fn odd_keys_that_can_be_stored_exactly_stay() {
        let odd = ["images/a b+c%d#e?f&.jpg", "images/é\n\u{1f600}", "images/a\\b", "images/..."];
        let mut list = objects(&odd);
        assert_eq!(refuse_for_disk(&mut list, false), []);
        assert_eq!(list.len(), odd.len());
    }

    #[test]
    fn clashes_are_found_even_with_keys_in_between() {
        let mut list = objects(&["images/a", "images/a-b", "images/a/b/c", "images/z"]);
        let refused = refuse_for_disk(&mut list, false);
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].key, "images/a");
        let mut list = objects(&["images/Img.jpg", "images/img.jpg"]);
        assert_eq!(refuse_for_disk(&mut list, false), []);
        assert_eq!(refuse_for_disk(&mut list, true)[0].key, "images/img.jpg");
        let mut marker = objects(&["images/d/"]);
        marker[0].size = 0;
        assert_eq!(refuse_for_disk(&mut marker, false), []);
        assert!(marker.is_empty());
    }

    #[test]
    fn places_are_found_above_a_key() {
        let places = HashSet::from(["images/link".to_owned()]);
        assert!(is_at_or_below("images/link", &places));
        assert!(is_at_or_below("images/link/x/y", &places));
        assert!(!is_at_or_below("images/linked", &places));
    }

    proptest! {
        #![proptest_config(crate::property_test::config(256))]

        #[test]
        fn every_accepted_key_is_inside_the_folder(key in "[a./\\\\\u{0}é ]{0,12}") {
            let mut list = objects(&[&key]);
            refuse_for_disk(&mut list, false);
            for object in list {
                let path = std::path::Path::new(&object.key);
                let inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
                prop_assert!(inside && !object.key.is_empty(), "{:?}", object.key);
            }
        }
    }
}
