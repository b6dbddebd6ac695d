//! Drafts the names of revision members that no column of their model describes.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::checks::toml_string;
use super::super::manifest::Manifest;
use super::super::revisions::{ContentType, Revisions};
use super::super::rules::{ColumnAction, MemberPath, Step};
use super::guess::by_name;
use super::revision_samples::RevisionSamples;
use crate::schema::{Schema, TableName};

/// TOML for the members that would be dropped. Members whose names suggest personal data are
/// commented out, for a person to decide.
pub fn draft(seen: &RevisionSamples, schema: &Schema, manifest: &Manifest) -> String {
    let Some(table) = &seen.table else { return String::new() };
    let (mut kept, mut doubtful) = (BTreeMap::new(), BTreeMap::new());
    for policy in &manifest.policies {
        let (named, removed) = rule_paths(manifest, table, policy);
        let revisions = Revisions::new(manifest, policy, schema, table, &named);
        for content_type in &seen.content_types {
            let Some(paths) = seen.members.get(&content_type.id) else { continue };
            let filter = revisions.of_model(content_type);
            for (path, count) in paths {
                let is_unknown = match path.first() {
                    Some(Step::Member(name)) => filter.is_unknown(name.as_bytes()),
                    _ => false,
                };
                let goes = removed.iter().any(|removed| begins_with(path, &removed.steps));
                if !is_unknown || goes || filter.keep.keeps(path) {
                    continue;
                }
                let name = spell(content_type, path, &seen.content_types);
                let telling = path.iter().find_map(|step| match step {
                    Step::Member(name) => by_name(name),
                    Step::Any => None,
                });
                match telling {
                    None => kept.insert(name, format!("in {count} revisions")),
                    Some(meaning) => doubtful.insert(name, format!("by its name, {meaning}")),
                };
            }
        }
    }
    text(&kept, &doubtful)
}

fn text(kept: &BTreeMap<String, String>, doubtful: &BTreeMap<String, String>) -> String {
    if kept.is_empty() && doubtful.is_empty() {
        return String::new();
    }
    let mut text = "\n# Members of revisions that no column describes. Remove those that may hold personal data.\n\
                    [revisions]\nkeep_members = [\n"
        .to_owned();
    for (name, remark) in kept {
        let _ = writeln!(text, "    {}, # {remark}", toml_string(name));
    }
    for (name, remark) in doubtful {
        let _ = writeln!(text, "    # {}, # {remark}: it is dropped", toml_string(name));
    }
    text.push_str("]\n");
    text
}

/// The paths that a rule of the revisions keeps, and the paths that it removes.
fn rule_paths(
    manifest: &Manifest,
    table: &TableName,
    policy: &str,
) -> (Vec<MemberPath>, Vec<MemberPath>) {
    let rule = manifest.tables.get(table).and_then(|entry| entry.rule(policy));
    let action = rule.and_then(|rule| rule.columns.get(super::super::revisions::CONTENT));
    match action {
        Some(ColumnAction::Edit(edit)) => {
            let named = match &edit.keep {
                Some(super::super::rules::Keep::Named(paths)) => paths.clone(),
                _ => Vec::new(),
            };
            (named, edit.remove_members.clone())
        }
        _ => (Vec::new(), Vec::new()),
    }
}

fn begins_with(path: &[Step], prefix: &[Step]) -> bool {
    prefix.len() <= path.len()
        && prefix.iter().zip(path).all(|(wanted, step)| *wanted == Step::Any || wanted == step)
}

/// Writes the member with the app if two apps have models of the same name. Django's content types
/// are in lower case only; the capital letter marks the model.
fn spell(of: &ContentType, path: &[Step], all: &[ContentType]) -> String {
    let mut model = of.model.clone();
    if let Some(first) = model.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let is_alone = all.iter().filter(|other| other.model == of.model).count() == 1;
    let app = if is_alone { String::new() } else { format!("{}.", of.app) };
    format!("{app}{model}.{}", MemberPath { steps: path.to_vec() })
}
