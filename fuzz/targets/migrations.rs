//! Reads arbitrary text as the migrations of a branch. Nothing may panic, and the order of the files must
//! not matter.
//!
//! An input is a list of files with a zero byte between them: a line with the path, and the text.

use std::collections::{BTreeMap, BTreeSet};

use bcops::django_migrations::{Origins, SourceFile, check, is_wanted_for_tables, read};

pub fn run(bytes: &[u8]) {
    let mut files = BTreeMap::new();
    for part in bytes.split(|byte| *byte == 0) {
        let end = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
        let (path, text) = part.split_at(end);
        let Ok(path) = std::str::from_utf8(path) else { continue };
        if is_wanted_for_tables(path) {
            files.insert(path.to_owned(), text.to_vec());
        }
    }
    let mut files: Vec<SourceFile> =
        files.into_iter().map(|(path, text)| SourceFile { path, text: Ok(text) }).collect();
    let seen = |files: &[SourceFile]| {
        (
            format!("{:?}", check(files, &Origins::new())),
            format!("{:?}", read(files, &BTreeSet::new())),
        )
    };
    let one_way = seen(&files);
    files.reverse();
    assert_eq!(one_way, seen(&files));
}
