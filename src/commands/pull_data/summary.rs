//! What a pull tells: before it begins, and when it is done.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::PullDataArgs;
use crate::commands::{Outcome, dropped, findings, reason};
use crate::restore::TableReport;
use crate::restore::databases::{Databases, Existing};
use crate::schema::TableName;
use crate::scrub::TableAction;
use crate::words;

use super::Loaded;
use super::backup::Backup;
use super::prepare::Prepared;
use super::previous::Previous;
use super::{unbuilt, unclassified};

/// From where to where, and what it will do in numbers.
pub fn before(
    prepared: &Prepared,
    databases: &Databases,
    existing: &Existing,
    current_is_personal: bool,
    args: &PullDataArgs,
) -> String {
    let names = databases.names();
    let size = prepared
        .archive
        .contents
        .total_bytes
        .map_or_else(String::new, |bytes| format!(" ({})", words::bytes(bytes)));
    let mut text = format!(
        "from  {}{size}\nto    the database {} on {}\n",
        prepared.backup.describe(),
        names.current,
        databases.place()
    );
    match existing.current {
        Some(bytes) if args.no_keep_previous => text.push_str(&format!(
            "      which is replaced; the old one ({}) is DROPPED\n",
            words::bytes(bytes)
        )),
        Some(bytes) => text.push_str(&format!(
            "      which is replaced; the old one ({}) is kept as {}\n",
            words::bytes(bytes),
            names.previous
        )),
        None => text.push_str("      which does not exist yet\n"),
    }
    let replaces_previous = existing.current.is_some() && !args.no_keep_previous;
    if let Some(bytes) = existing.previous.filter(|_| replaces_previous) {
        text.push_str(&format!(
            "      and what is {} now ({}) is DROPPED\n",
            names.previous,
            words::bytes(bytes)
        ));
    }
    if existing.current.is_some() && current_is_personal && !args.no_keep_previous {
        text.push_str("      the old one holds personal data; --no-keep-previous drops it\n");
    }
    let counted = |count, noun| words::plural(count, noun);
    let tables = prepared.tables();
    match &prepared.archive.scrub {
        Some(scrub) => {
            let with = |wanted: &[TableAction]| {
                scrub.tables().filter(|(_, plan)| wanted.contains(&plan.action)).count() as u64
            };
            text.push_str(&format!(
                "{}: {} without rows, {} rewritten on the way",
                counted(tables, "table"),
                words::count(with(&[TableAction::Delete])),
                words::count(with(&[TableAction::Rewrite, TableAction::Held])),
            ));
        }
        None => text.push_str(&format!(
            "{}, WITH THE PERSONAL DATA OF REAL PEOPLE as it is",
            counted(tables, "table")
        )),
    }
    text
}

/// The plan, table by table.
pub fn dry_run(prepared: &Prepared, databases: &Databases) -> Outcome {
    let mut lines = Vec::new();
    let mut tables = Vec::new();
    let mut names: Vec<TableName> =
        prepared.archive.contents.toc().table_data().map(|entry| entry.table_name()).collect();
    names.sort();
    for name in names {
        let (class, rule) = rule_of(prepared, &name);
        lines.push(format!("{:<52} {class:<12} {rule}", name.short()));
        tables.push(json!({ "table": name.short(), "class": class, "rule": rule }));
    }
    lines.push("dry run: nothing was changed".to_owned());
    let result = json!({
        "dry_run": true,
        "source": source(&prepared.backup),
        "target": { "database": databases.names().current, "place": databases.place() },
        "scrubbed": prepared.archive.scrub.is_some(),
        "tables": tables,
        "unclassified": unclassified::json(&prepared.emptied),
    });
    Outcome::done(result, lines.join("\n"))
}

fn rule_of(prepared: &Prepared, table: &TableName) -> (String, String) {
    let plan = prepared.archive.scrub.as_ref().and_then(|scrub| scrub.table(table));
    let class = plan.map_or_else(|| "-".to_owned(), |plan| plan.class.to_string());
    if prepared.archive.excluded.contains(table) {
        return (class, "excluded: no row is loaded".to_owned());
    }
    (class, plan.map_or_else(|| "kept as it is".to_owned(), |plan| plan.description.clone()))
}

fn source(backup: &Backup) -> Value {
    match backup {
        Backup::File(path) => json!({ "file": path.display().to_string() }),
        Backup::StandardInput => json!({ "file": "-" }),
        Backup::Heroku(backup) => json!({
            "environment": backup.environment,
            "app": backup.app,
            "backup": backup.transfer.name(),
            "finished_at": backup.transfer.finished_at.map(|at| at.to_string()),
            "age_seconds": backup.age().map(|age| age.as_secs()),
        }),
    }
}

/// What was done.
pub fn after(
    loaded: &Loaded,
    databases: &Databases,
    kept: Previous,
    args: &PullDataArgs,
    script: Option<&String>,
    took: Duration,
) -> Outcome {
    let report = &loaded.report;
    let names = databases.names();
    let is_there =
        matches!(kept, Previous::Scrubbed | Previous::Personal) && !args.no_keep_previous;
    let previous = is_there.then_some(&names.previous);
    let mut text = table_lines(&report.tables);
    text.push_str(&totals(&report.tables));
    text.push_str(&format!(
        "{} tables, {} indexes, {} foreign keys\n",
        report.inventory.tables, report.inventory.indexes, report.inventory.foreign_keys
    ));
    text.push_str(&audit_lines(loaded));
    text.push_str(&dropped::lines(&report.dropped_members));
    text.push_str(&unclassified::in_words(&loaded.emptied));
    for note in &report.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    if args.set_password {
        text.push_str(&match loaded.superusers.as_slice() {
            [] => "the password was given to nobody: there is no superuser\n".to_owned(),
            names => format!("the password was given to: {}\n", names.join(", ")),
        });
    }
    text.push_str(&format!("{} is ready, in {}", names.current, words::duration(took)));
    if let Some(previous) = previous {
        let more = match kept {
            Previous::Personal => format!(" {}", reason::FLAG),
            _ => String::new(),
        };
        text.push_str(&format!(
            "\nthe database before is {previous}; to go back: bcops pull-data --undo{more}"
        ));
    }
    let result = json!({
        "dry_run": false,
        "source": loaded.source,
        "database": names.current,
        "previous": previous,
        "previous_holds_personal_data": kept == Previous::Personal,
        "scrubbed": loaded.scrubbed,
        "seconds": took.as_secs_f64(),
        "archive_bytes": report.archive_bytes,
        "tables": report.tables.iter().map(table_json).collect::<Vec<_>>(),
        "audit": report.audit.iter().map(findings::json).collect::<Vec<_>>(),
        "indexes": report.inventory.indexes,
        "foreign_keys": report.inventory.foreign_keys,
        "superusers": loaded.superusers,
        "unclassified": unclassified::json(&loaded.emptied),
        "dropped_members": dropped::json(&report.dropped_members),
        "not_built": unbuilt::json(&report.unbuilt, script),
        "warnings": report.warnings,
        "notes": report.notes,
    });
    Outcome::done(result, text)
}

fn table_json(table: &TableReport) -> Value {
    json!({
        "table": table.table.short(),
        "rows": table.read,
        "kept": table.kept,
        "changed": table.changed,
        "dropped": table.dropped,
    })
}

/// The tables that something was done to; those that passed as they were need no line.
fn table_lines(tables: &[TableReport]) -> String {
    let mut text = String::new();
    for table in tables.iter().filter(|table| table.changed + table.dropped > 0) {
        text.push_str(&format!(
            "{:<44} {:>10} kept {:>10} rewritten {:>10} dropped\n",
            table.table.short(),
            words::count(table.kept),
            words::count(table.changed),
            words::count(table.dropped)
        ));
    }
    text
}

fn totals(tables: &[TableReport]) -> String {
    let sum = |count: fn(&TableReport) -> u64| tables.iter().map(count).sum::<u64>();
    format!(
        "{:<44} {:>10} kept {:>10} rewritten {:>10} dropped\n",
        "all rows",
        words::count(sum(|table| table.kept)),
        words::count(sum(|table| table.changed)),
        words::count(sum(|table| table.dropped))
    )
}

fn audit_lines(loaded: &Loaded) -> String {
    if !loaded.scrubbed {
        return "not scrubbed and not audited: this database holds personal data\n".to_owned();
    }
    findings::passed(&loaded.report.audit)
}
