//! Which keys can be files, and which files can be keys.
//!
//! Keys are input: whoever may write to a bucket chooses them. One that cannot be stored faithfully
//! inside the media folder is refused by name, and the rest goes on.

use std::collections::{HashMap, HashSet};

use thiserror::Error;

use crate::adapters::s3::ListedObject;

use super::local::is_temporary;

/// What most file systems take for one part of a path.
const LONGEST_PART: usize = 255;
const LONGEST_KEY: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyProblem {
    #[error("it begins with a slash, and would lie outside of the media folder")]
    Absolute,
    #[error("a part of it is `.` or `..`, which would lead elsewhere")]
    Dots,
    #[error("a part of it is empty, which no path can express")]
    EmptyPart,
    #[error("it ends in a slash and has content, and a folder holds none")]
    FolderWithContent,
    #[error("it holds a NUL, which no path can hold")]
    Nul,
    #[error("a part of it is longer than {LONGEST_PART} bytes")]
    LongPart,
    #[error("it is longer than the {LONGEST_KEY} bytes of a key")]
    LongKey,
    #[error("it is named like an unfinished transfer of bcops")]
    Reserved,
    #[error("there is also `{0}`, and a name cannot be a file and a folder")]
    FileAndFolder(String),
    #[error("it differs only in case from `{0}`, and this disk makes no difference")]
    Case(String),
    #[error("its name is not UTF-8, and keys are; nothing below its folder is deleted")]
    NotUtf8,
    #[error("it is a symbolic link, which is not followed")]
    Link,
    #[error("it is neither a file nor a folder")]
    NoFile,
}

/// A key that was left alone, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub key: String,
    pub problem: KeyProblem,
}

impl Refused {
    /// Where nothing may be deleted because of it. A name that is not UTF-8 may stand for any key of
    /// its folder: what the bucket has there under the right name is not a stranger.
    pub fn place(&self) -> &str {
        match self.problem {
            KeyProblem::NotUtf8 => self.key.rsplit_once('/').map_or("", |(folder, _)| folder),
            _ => &self.key,
        }
    }
}

/// Takes out of a listing what cannot be stored on a disk. Folder markers, which hold nothing, go
/// without a word.
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

/// Takes out of a listing what cannot be asked for: a path with dots in it is shortened on the way.
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

/// Whether a file of this name can be an object.
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

/// Whether a key is, or lies below, one of these.
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
    fn odd_but_faithful_keys_stay() {
        let odd = ["images/a b+c%d#e?f&.jpg", "images/é\n\u{1f600}", "images/a\\b", "images/..."];
        let mut list = objects(&odd);
        assert_eq!(refuse_for_disk(&mut list, false), []);
        assert_eq!(list.len(), odd.len());
    }

    #[test]
    fn clashes_are_found_whatever_lies_between() {
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
        fn whatever_stays_lies_inside(key in "[a./\\\\\u{0}é ]{0,12}") {
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
