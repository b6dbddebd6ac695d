//! Builds the table of contents of the rewritten archive.
//!
//! It is the old one, without entries that would betray dropped rows, and with the manifest's
//! statements that run after the rows. Each statement becomes an entry at the end, which pg_restore
//! and `bcops pull-data --file` run like any other. If the archive has the same entry already, no
//! second one is added.

use crate::archive::{DumpId, OffsetState, Section, Toc, TocEntry};
use crate::scrub::{LargeObjects, ScrubPlan};

/// The entry type of such a statement in listings.
pub(super) const AFTER_SCRUB: &str = "AFTER SCRUB";

pub(super) struct Contents {
    pub entries: Vec<TocEntry>,
    pub after_statements: Vec<String>,
    pub notes: Vec<String>,
}

impl Contents {
    pub(super) fn new(toc: &Toc, plan: &ScrubPlan) -> Self {
        // The planner's statistics hold the most frequent values of columns, unscrubbed.
        let without_statistics = plan.changes_rows();
        let without_objects = plan.large_objects() != LargeObjects::Content;
        let (mut statistics, mut objects) = (0, 0);
        let mut entries = Vec::with_capacity(toc.entries().len());
        for entry in toc.entries() {
            if without_statistics && entry.entry_type == "STATISTICS DATA" {
                statistics += 1;
            } else if without_objects && is_of_large_objects(entry) {
                objects += 1;
            } else {
                entries.push(entry.clone());
            }
        }
        let mut notes = Vec::new();
        for (count, what) in [(statistics, "planner statistics"), (objects, "large objects")] {
            if count > 0 {
                notes.push(format!("skipped: {what} ({count})"));
            }
        }
        let after_statements: Vec<String> = plan.after_statements().map(str::to_owned).collect();
        for statement in &after_statements {
            add_statement(&mut entries, statement);
        }
        Contents { entries, after_statements, notes }
    }
}

fn is_of_large_objects(entry: &TocEntry) -> bool {
    match entry.entry_type.as_str() {
        "BLOB" | "BLOB METADATA" | "BLOBS" => true,
        "COMMENT" | "ACL" | "SECURITY LABEL" => entry.tag.starts_with("LARGE OBJECT"),
        _ => false,
    }
}

fn add_statement(entries: &mut Vec<TocEntry>, statement: &str) {
    let qualified = entries.iter().any(|entry| entry.entry_type == "SEARCHPATH");
    let definition = definition(statement, qualified);
    let is_there = |entry: &TocEntry| {
        entry.entry_type == AFTER_SCRUB && entry.definition.as_deref() == Some(&definition)
    };
    let highest = entries.iter().map(|entry| entry.id.0).max().unwrap_or_default();
    let Some(id) = highest.checked_add(1).filter(|_| !entries.iter().any(is_there)) else {
        return;
    };
    let number = 1 + entries.iter().filter(|entry| entry.entry_type == AFTER_SCRUB).count();
    let dependencies = entries.iter().filter(|entry| comes_before(entry)).map(|entry| entry.id);
    let entry = TocEntry {
        id: DumpId(id),
        has_data: false,
        catalog_table: 0,
        catalog_oid: 0,
        tag: format!("statement {number} of the manifest"),
        entry_type: AFTER_SCRUB.to_owned(),
        section: Section::PostData,
        definition: Some(definition),
        // pg_restore wants an ALTER of the owner only if there is something to drop.
        drop_statement: Some(String::new()),
        copy_statement: None,
        // Old archives have pg_restore set the search path by the entry's schema.
        namespace: (!qualified).then(|| "public".to_owned()),
        tablespace: None,
        table_access_method: None,
        relation_kind: 0,
        owner: None,
        with_oids: Some("false".to_owned()),
        dependencies: dependencies.collect(),
        offset: OffsetState::NoData,
    };
    entries.push(entry);
}

/// Sets the search path for the statement: the manifest names tables without their schema, but an
/// archive runs with an empty search path.
fn definition(statement: &str, qualified: bool) -> String {
    let statement = statement.trim().trim_end_matches(';');
    if !qualified {
        return format!("{statement};\n");
    }
    let path =
        |path: &str| format!("SELECT pg_catalog.set_config('search_path', '{path}', false);\n");
    format!("{}{statement};\n{}", path("public"), path(""))
}

/// Whether the entry must run before the statement in a parallel restore: rows and what is built on
/// them do, but not entries that pg_restore leaves to a later pass.
fn comes_before(entry: &TocEntry) -> bool {
    let later = ["MATERIALIZED VIEW DATA", "EVENT TRIGGER", "DEFAULT ACL", "STATISTICS DATA"];
    matches!(entry.section, Section::Data | Section::PostData)
        && !later.contains(&entry.entry_type.as_str())
}
