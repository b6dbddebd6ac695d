//! What a scrub tells: before it begins, and when it is done.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::findings::{self, Audited};
use crate::commands::{Context, Outcome, dropped};
use crate::events::{Event, Reporter};
use crate::schema::TableName;
use crate::scrub::live::{Depth, LiveReport, LiveSchema, PlannedChanges, TableChange};
use crate::scrub::{DroppedMember, ScrubPlan};
use crate::ui::table::{Column, Table};
use crate::words;

use super::target::ScrubTarget;

/// The database.
#[derive(Serialize, JsonSchema)]
pub struct TargetDocument<'a> {
    /// `null` for the one on this machine, and so is `app`.
    environment: Option<&'a str>,
    app: Option<&'a str>,
    database: &'a str,
    /// The server.
    place: String,
    #[serde(skip)]
    policy: &'a str,
}

/// A table that the database does not yet hold as the manifest wants it.
#[derive(Serialize, JsonSchema)]
pub struct Pending<'a> {
    table: &'a TableName,
    /// What is done with its rows, in words.
    rule: String,
    to_delete: u64,
    to_set: u64,
    /// `null` where edits were not counted.
    to_edit: Option<u64>,
}

/// A table that neither rules nor the audit reach.
#[derive(Serialize, JsonSchema)]
pub struct Unseen<'a> {
    table: &'a TableName,
    why: &'static str,
}

/// With `--dry-run`.
#[derive(Serialize, JsonSchema)]
pub struct Planned<'a> {
    /// Always true.
    dry_run: bool,
    target: TargetDocument<'a>,
    policy: &'a str,
    tables: Vec<Pending<'a>>,
}

/// What a scrub did.
#[derive(Serialize, JsonSchema)]
pub struct Scrubbed<'a> {
    /// Always false.
    dry_run: bool,
    target: TargetDocument<'a>,
    policy: &'a str,
    /// Those with a rule, changed or not.
    tables: &'a [TableChange],
    /// Rows in all, and so are `set` and `edited`.
    deleted: u64,
    set: u64,
    edited: u64,
    large_objects: u64,
    /// Members of JSON documents that the manifest does not name.
    dropped_members: Vec<&'a DroppedMember>,
    warnings: &'a [String],
    /// What the audit saw, allowed or not.
    audit: Vec<Audited<'a>>,
    seconds: f64,
}

/// What was seen of a database before it is scrubbed.
pub struct Seen {
    pub pending: Vec<PlannedChanges>,
    pub plan: ScrubPlan,
    /// Whether edits inside of values were counted.
    pub depth: Depth,
}

impl Seen {
    fn sum(&self, field: fn(&PlannedChanges) -> u64) -> u64 {
        self.pending.iter().map(field).sum()
    }

    /// Values of which a rule would still take something out, a line for each table.
    pub fn unedited(&self) -> Vec<String> {
        let tables = self.pending.iter().filter(|rows| rows.to_edit > 0);
        tables
            .map(|rows| {
                let count = words::plural(rows.to_edit, "row");
                format!("{}: {count} that the rule edits ({})", rows.table.short(), self.rule(rows))
            })
            .collect()
    }

    pub fn documents(&self) -> Vec<Pending<'_>> {
        let tables = self.pending.iter().map(|rows| Pending {
            table: &rows.table,
            rule: self.rule(rows),
            to_delete: rows.to_delete,
            to_set: rows.to_set,
            to_edit: (self.depth == Depth::Values).then_some(rows.to_edit),
        });
        tables.collect()
    }

    fn rule(&self, rows: &PlannedChanges) -> String {
        self.plan.table(&rows.table).map(|plan| plan.description.clone()).unwrap_or_default()
    }
}

/// Tells of the tables that neither rules nor the audit reach.
pub fn warn_of_unseen(context: &Context, live: &LiveSchema) {
    for table in &live.foreign_tables {
        let table = table.short();
        let text = format!(
            "{table} is a foreign table: its rows are on another server, and no rule reaches them"
        );
        context.ui.emit(Event::Warning(text));
    }
    for table in &live.extension_tables {
        let table = table.short();
        let text = format!(
            "{table} belongs to an extension and holds text: no rule reaches it, and it is not \
             looked at"
        );
        context.ui.emit(Event::Warning(text));
    }
}

/// The same for programs.
pub fn unseen(live: &LiveSchema) -> Vec<Unseen<'_>> {
    let foreign = live.foreign_tables.iter().map(|table| (table, "foreign table"));
    let extension = live.extension_tables.iter().map(|table| (table, "table of an extension"));
    foreign.chain(extension).map(|(table, why)| Unseen { table, why }).collect()
}

/// The resource, and what will happen to it in numbers.
pub fn before(target: &ScrubTarget, seen: &Seen) -> String {
    let edited = match seen.depth {
        Depth::Values => words::plural(seen.sum(|rows| rows.to_edit), "row"),
        // They were not counted, as nobody is asked.
        Depth::Statements => "some".to_owned(),
    };
    format!(
        "scrub  {}\nby     the policy `{}`: {} deleted, {} set, {edited} edited, in {}",
        target.describe(),
        target.policy,
        words::plural(seen.sum(|rows| rows.to_delete), "row"),
        words::plural(seen.sum(|rows| rows.to_set), "row"),
        words::plural(seen.pending.len() as u64, "table"),
    )
}

pub fn dry_run(target: &ScrubTarget, seen: &Seen) -> Outcome {
    let (target, tables) = (TargetDocument::of(target), seen.documents());
    Outcome::of(&Planned { dry_run: true, policy: target.policy, target, tables })
}

impl fmt::Display for Planned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = Table::new([
            Column::text("TABLE"),
            Column::number("TO DELETE"),
            Column::number("TO SET"),
            Column::number("TO EDIT"),
            Column::text("RULE"),
        ]);
        for Pending { table, rule, to_delete, to_set, to_edit } in &self.tables {
            let [delete, set, edit] =
                [*to_delete, *to_set, to_edit.unwrap_or_default()].map(words::count);
            rows.row([&table.short(), &delete, &set, &edit, rule]);
        }
        writeln!(f, "{rows}")?;
        f.write_str("dry run: nothing was changed")
    }
}

/// For a check: rules that the database does not obey, which is no finding by itself. A site that
/// is in use has sessions again a minute after they were deleted.
pub fn pending_note(seen: &Seen) -> String {
    if seen.pending.is_empty() {
        return "every rule that deletes rows or sets columns holds\n".to_owned();
    }
    let mut text =
        "rows that the rules would still change, though nothing in them was found:\n".to_owned();
    let columns = [Column::text("TABLE"), Column::number("TO DELETE"), Column::number("TO SET")];
    let mut table = Table::new(columns);
    for rows in &seen.pending {
        let [delete, set] = [rows.to_delete, rows.to_set].map(words::count);
        table.row([&rows.table.short(), &delete, &set]);
    }
    text.push_str(&format!("{table}\n"));
    text
}

pub fn after(target: &ScrubTarget, report: &LiveReport) -> Outcome {
    let mut table = Table::new([
        Column::text("TABLE"),
        Column::number("DELETED"),
        Column::number("SET"),
        Column::number("EDITED"),
    ]);
    let mut row = |name: &str, numbers: [u64; 3]| {
        let [deleted, set, edited] = numbers.map(words::count);
        table.row([name, &deleted, &set, &edited]);
    };
    let total = |change: &TableChange| change.deleted + change.set + change.edited;
    for change in report.tables.iter().filter(|change| total(change) > 0) {
        row(&change.table.short(), [change.deleted, change.set, change.edited]);
    }
    let sum = |field: fn(&TableChange) -> u64| report.tables.iter().map(field).sum::<u64>();
    let (deleted, set, edited) =
        (sum(|one| one.deleted), sum(|one| one.set), sum(|one| one.edited));
    row("all rows", [deleted, set, edited]);
    let mut text = format!("{table}\n");
    if report.large_objects > 0 {
        let objects = words::plural(report.large_objects, "large object");
        text.push_str(&format!("{objects} deleted\n"));
    }
    let members = || report.tables.iter().flat_map(|change| &change.dropped_members);
    text.push_str(&dropped::lines(members()));
    text.push_str(&findings::passed(&report.audit));
    text.push_str(&format!(
        "{} is scrubbed, in {}",
        target.url.database,
        words::duration(report.took)
    ));
    let result = Scrubbed {
        dry_run: false,
        target: TargetDocument::of(target),
        policy: &target.policy,
        tables: &report.tables,
        deleted,
        set,
        edited,
        large_objects: report.large_objects,
        dropped_members: members().collect(),
        warnings: &report.warnings,
        audit: findings::judged(&report.audit),
        seconds: report.took.as_secs_f64(),
    };
    Outcome::done(result, text)
}

impl<'a> TargetDocument<'a> {
    pub fn of(target: &'a ScrubTarget) -> Self {
        let environment = target.environment.as_ref();
        TargetDocument {
            environment: environment.map(|(name, _)| name.as_str()),
            app: environment.map(|(_, app)| app.as_str()),
            database: &target.url.database,
            place: target.url.place(),
            policy: &target.policy,
        }
    }
}
