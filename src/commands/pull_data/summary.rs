//! Writes the summary of a pull: before it begins, and after its end.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::PullDataArgs;
use crate::commands::findings::{self, Audited};
use crate::commands::{Outcome, dropped, reason, rows};
use crate::restore::TableReport;
use crate::restore::databases::{Databases, Existing};
use crate::schema::TableName;
use crate::scrub::{DroppedMember, TableAction, Unclassified};
use crate::ui::table::{Column, Table};
use crate::words;

use super::Loaded;
use super::backup::Backup;
use super::next::NextStep;
use super::prepare::PreparedPull;
use super::previous::Previous;
use super::unbuilt::NotBuilt;
use super::unclassified;

/// The result of `--dry-run`.
#[derive(Serialize, JsonSchema)]
pub struct Planned<'a> {
    /// Always true.
    dry_run: bool,
    source: Source<'a>,
    target: LocalDatabase<'a>,
    /// Whether the backup is scrubbed on the way.
    scrubbed: bool,
    /// The backup's tables, by name.
    tables: Vec<PlannedTable>,
    /// What `--unclassified empty` loads empty.
    unclassified: &'a Unclassified,
}

/// The backup: of an environment, or a file (`-` for standard input).
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Source<'a> {
    File {
        file: String,
    },
    Heroku {
        environment: &'a str,
        app: &'a str,
        /// For example `b123`.
        backup: String,
        finished_at: Option<Timestamp>,
        age_seconds: Option<u64>,
    },
}

#[derive(Serialize, JsonSchema)]
struct LocalDatabase<'a> {
    database: &'a str,
    /// The server.
    place: String,
}

#[derive(Serialize, JsonSchema)]
struct PlannedTable {
    table: TableName,
    /// `content`, `operational` or `personal`; `-` without a scrub.
    class: String,
    /// What happens to its rows, in words.
    rule: String,
}

/// The result of a pull.
#[derive(Serialize, JsonSchema)]
pub struct Pulled<'a> {
    /// Always false.
    dry_run: bool,
    /// The backup, in words.
    source: &'a str,
    /// The local database.
    database: &'a str,
    /// The name of the kept database. `null` if none is kept.
    previous: Option<&'a str>,
    previous_holds_personal_data: bool,
    scrubbed: bool,
    seconds: f64,
    archive_bytes: u64,
    tables: &'a [TableReport],
    /// What the audit found, allowed or not.
    audit: Vec<Audited<'a>>,
    indexes: u64,
    foreign_keys: u64,
    /// The users whose password `--set-password` set.
    superusers: &'a [String],
    unclassified: &'a Unclassified,
    /// Members of JSON documents that the manifest does not name.
    dropped_members: &'a [DroppedMember],
    not_built: NotBuilt<'a>,
    /// The warnings of the load.
    warnings: &'a [String],
    notes: &'a [String],
    /// What a developer may want to do next, in this order.
    next: &'a [NextStep],
}

/// From where to where, and the changes in numbers.
pub fn before(
    prepared: &PreparedPull,
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
            "      {} of an earlier pull ({}) is DROPPED\n",
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
            "{}, WITH THE PERSONAL DATA OF REAL PEOPLE",
            counted(tables, "table")
        )),
    }
    text
}

/// The plan, table by table.
pub fn dry_run(prepared: &PreparedPull, databases: &Databases) -> Outcome {
    let contents = &prepared.archive.contents;
    let mut names: Vec<TableName> =
        contents.toc().table_data().map(|entry| entry.table_name()).collect();
    names.sort();
    let (database, place) = (&databases.names().current, databases.place());
    Outcome::of(&Planned {
        dry_run: true,
        source: Source::of(&prepared.backup),
        target: LocalDatabase { database, place },
        scrubbed: prepared.archive.scrub.is_some(),
        tables: names.into_iter().map(|table| planned(prepared, table)).collect(),
        unclassified: &prepared.emptied,
    })
}

impl fmt::Display for Planned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = Table::new(["TABLE", "CLASS", "RULE"].map(Column::text));
        for PlannedTable { table, class, rule } in &self.tables {
            rows.row([&table.short(), class, rule]);
        }
        writeln!(f, "{rows}")?;
        f.write_str("dry run: nothing was changed")
    }
}

fn planned(prepared: &PreparedPull, table: TableName) -> PlannedTable {
    let plan = prepared.archive.scrub.as_ref().and_then(|scrub| scrub.table(&table));
    let class = plan.map_or_else(|| "-".to_owned(), |plan| plan.class.to_string());
    let rule = match plan {
        _ if prepared.archive.excluded.contains(&table) => "excluded: no row is loaded".to_owned(),
        None => "kept as it is".to_owned(),
        Some(plan) => plan.description.clone(),
    };
    PlannedTable { table, class, rule }
}

impl Source<'_> {
    fn of(backup: &Backup) -> Source<'_> {
        match backup {
            Backup::File(path) => Source::File { file: path.display().to_string() },
            Backup::StandardInput => Source::File { file: "-".to_owned() },
            Backup::Heroku(backup) => Source::Heroku {
                environment: &backup.environment,
                app: &backup.app,
                backup: backup.transfer.name(),
                finished_at: backup.transfer.finished_at,
                age_seconds: backup.age().map(|age| age.as_secs()),
            },
        }
    }
}

/// The result, for people and programs.
pub fn after(
    loaded: &Loaded,
    databases: &Databases,
    kept: Previous,
    args: &PullDataArgs,
    script: Option<&String>,
    took: Duration,
    next: &[NextStep],
) -> Outcome {
    let report = &loaded.report;
    let names = databases.names();
    let is_there =
        matches!(kept, Previous::Scrubbed | Previous::Personal) && !args.no_keep_previous;
    let previous = is_there.then_some(names.previous.as_str());
    let mut text = rows::lines(&report.tables);
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
            [] => "no password was set: there is no superuser\n".to_owned(),
            names => format!("set the password of: {}\n", names.join(", ")),
        });
    }
    text.push_str(&format!("{} is ready, in {}", names.current, words::duration(took)));
    if let Some(previous) = previous {
        let more = match kept {
            Previous::Personal => format!(" {}", reason::FLAG),
            _ => String::new(),
        };
        text.push_str(&format!(
            "\nthe old database is kept as {previous}; use it again: bcops pull-data --undo{more}"
        ));
    }
    for step in next {
        text.push_str(&format!("\nnext: {step}"));
    }
    let result = Pulled {
        dry_run: false,
        source: &loaded.source,
        database: &names.current,
        previous,
        previous_holds_personal_data: kept == Previous::Personal,
        scrubbed: loaded.scrubbed,
        seconds: took.as_secs_f64(),
        archive_bytes: report.archive_bytes,
        tables: &report.tables,
        audit: findings::judged(&report.audit),
        indexes: report.inventory.indexes,
        foreign_keys: report.inventory.foreign_keys,
        superusers: &loaded.superusers,
        unclassified: &loaded.emptied,
        dropped_members: &report.dropped_members,
        not_built: NotBuilt { entries: &report.unbuilt, file: script.map(String::as_str) },
        warnings: &report.warnings,
        notes: &report.notes,
        next,
    };
    Outcome::done(result, text)
}

fn audit_lines(loaded: &Loaded) -> String {
    if !loaded.scrubbed {
        return "not scrubbed and not audited: this database holds personal data\n".to_owned();
    }
    findings::passed(&loaded.report.audit)
}
