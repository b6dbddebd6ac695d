//! Merges two commits with `git merge-tree`, which writes only objects.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use git2::Oid;

use super::conflict::{Conflict, ConflictKind, kind_of};
use super::engine::Merged;
use crate::adapters::git::error::GitError;
use crate::adapters::git::process::Call;
use crate::adapters::git::repository::Repository;
use crate::adapters::git::version;
use crate::secret::Secret;

const WHAT: &str = "merging in memory";

impl Repository {
    pub(super) async fn can_ask_git(&self) -> Result<bool, GitError> {
        let (version, _) = version::read(self.program(), self.scratch()).await?;
        Ok(version >= version::MERGES_IN_MEMORY)
    }

    /// Merges two commits. `attributes` is the folder that replaces a work tree.
    pub(super) async fn ask_git(
        &self,
        attributes: &Path,
        ours: Oid,
        theirs: Oid,
    ) -> Result<Merged, GitError> {
        let (ours, theirs) = (ours.to_string(), theirs.to_string());
        let arguments = ["merge-tree", "--write-tree", "-z", "--messages", &ours, &theirs];
        let folder = Secret::hidden(attributes.display().to_string());
        let no_index = Secret::hidden(attributes.join("no-index").display().to_string());
        // If this repository replaces a clone, these settings include the clone's merge drivers.
        let mut variables = self.variables();
        variables.push(("GIT_WORK_TREE".to_owned(), folder));
        variables.push(("GIT_INDEX_FILE".to_owned(), no_index));
        let limit = self.program().limits.local;
        let call = Call {
            what: WHAT.to_owned(),
            folder: attributes,
            arguments: arguments.into_iter().map(OsString::from).collect(),
            variables,
            limit,
            silence: limit,
            listener: None,
        };
        let output = self.program().run(call).await?;
        let answer = MergeTreeAnswer::parse(&output.stdout);
        match (output.code, answer) {
            (Some(0), Some(answer)) => Ok(Merged::Tree(answer.tree)),
            (Some(1), Some(answer)) => Ok(Merged::Conflicts(answer.conflicts())),
            (Some(0 | 1), None) => Err(GitError::UnexpectedAnswer {
                what: WHAT.to_owned(),
                answer: output.text().chars().take(200).collect(),
            }),
            _ => Err(GitError::Failed { what: WHAT.to_owned(), said: output.said }),
        }
    }
}

/// The output of `git merge-tree -z`: a tree, the entries in conflict, an empty entry, the
/// messages.
struct MergeTreeAnswer {
    tree: Oid,
    /// Path, and the modes of ancestor, ours and theirs.
    entries: BTreeMap<String, [Option<u32>; 3]>,
    messages: Vec<Message>,
}

struct Message {
    paths: Vec<String>,
    /// For example `CONFLICT (contents)`.
    kind: String,
}

impl MergeTreeAnswer {
    fn parse(bytes: &[u8]) -> Option<MergeTreeAnswer> {
        let text = String::from_utf8_lossy(bytes);
        let mut fields = text.split('\0');
        let tree = Oid::from_str(fields.next()?.trim()).ok()?;
        let mut entries: BTreeMap<String, [Option<u32>; 3]> = BTreeMap::new();
        for field in fields.by_ref().take_while(|field| !field.is_empty()) {
            let (head, path) = field.split_once('\t')?;
            let mut words = head.split(' ');
            let mode = u32::from_str_radix(words.next()?, 8).ok()?;
            let stage: usize = words.nth(1)?.parse().ok()?;
            let sides = entries.entry(path.to_owned()).or_default();
            *sides.get_mut(stage.checked_sub(1)?)? = Some(mode);
        }
        let messages = parse_messages(&mut fields);
        Some(MergeTreeAnswer { tree, entries, messages })
    }

    /// One conflict for each path. Git's own words decide the kind, otherwise the modes do.
    fn conflicts(self) -> Vec<Conflict> {
        let mut found: BTreeMap<String, ConflictKind> = BTreeMap::new();
        let about = self.messages.iter().filter(|message| message.kind.starts_with("CONFLICT"));
        for message in about {
            // The first path shows the conflict. The others are former names.
            let first = message.paths.iter().find(|path| !found.contains_key(*path));
            if let Some(path) = first {
                let sides = self.entries.get(path).copied().unwrap_or_default();
                found.insert(path.clone(), named(&message.kind, sides));
            }
        }
        for (path, [ancestor, ours, theirs]) in self.entries {
            let told = self.messages.iter().any(|message| message.paths.contains(&path));
            if !told {
                found.entry(path).or_insert(kind_of(ancestor, ours, theirs));
            }
        }
        if found.is_empty() {
            // Git reports a conflict without saying where.
            found.insert(String::new(), ConflictKind::Other("git reports a conflict".to_owned()));
        }
        found.into_iter().map(|(path, kind)| Conflict::at(path, kind)).collect()
    }
}

/// Each message is a count, as many paths, a kind, and a text.
fn parse_messages<'a>(fields: &mut impl Iterator<Item = &'a str>) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some(count) = fields.next().and_then(|field| field.trim().parse::<usize>().ok()) {
        let paths: Vec<String> = fields.by_ref().take(count).map(str::to_owned).collect();
        let Some(kind) = fields.next() else { break };
        fields.next();
        messages.push(Message { paths, kind: kind.to_owned() });
    }
    messages
}

fn named(kind: &str, sides: [Option<u32>; 3]) -> ConflictKind {
    let [ancestor, ours, theirs] = sides;
    let words = kind.strip_prefix("CONFLICT (").and_then(|rest| rest.strip_suffix(')'));
    match words.unwrap_or(kind) {
        "contents" => kind_of(ancestor, ours, theirs),
        "binary" => ConflictKind::Binary,
        "modify/delete" if ours.is_none() => ConflictKind::DeletedByUs,
        "modify/delete" => ConflictKind::DeletedByThem,
        "file/directory" => ConflictKind::FileAndFolder,
        "distinct modes" | "distinct types" => ConflictKind::Mode,
        words if words.starts_with("submodule") => ConflictKind::Submodule,
        words if words.starts_with("directory rename") => ConflictKind::FolderRename,
        words if words.starts_with("rename") => ConflictKind::Rename,
        words => ConflictKind::Other(words.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let tree = "1".repeat(40);
        let blob = "2".repeat(40);
        let text = format!(
            "{tree}\0100644 {blob} 1\ta b\0100644 {blob} 2\ta b\0\0\
             1\0a b\0Auto-merging\0Auto-merging a b\n\0\
             1\0a b\0CONFLICT (modify/delete)\0CONFLICT (modify/delete): a b\n\0"
        );
        let answer = MergeTreeAnswer::parse(text.as_bytes()).expect("an answer");
        assert_eq!(answer.tree.to_string(), tree);
        let expected = Conflict::at("a b".to_owned(), ConflictKind::DeletedByThem);
        assert_eq!(answer.conflicts(), [expected]);
        let clean = MergeTreeAnswer::parse(format!("{tree}\0").as_bytes()).expect("an answer");
        assert!(clean.entries.is_empty() && clean.messages.is_empty());
        for other in ["", "x", &format!("{tree}\0what\0")] {
            assert!(MergeTreeAnswer::parse(other.as_bytes()).is_none(), "{other}");
        }
    }
}
