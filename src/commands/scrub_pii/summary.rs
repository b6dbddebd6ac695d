//! Writes the summary of a scrub: before it begins, and after its end.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::findings::{self, Audited};
use crate::commands::scrub_target::ScrubTarget;
use crate::commands::{Context, Outcome, dropped};
use crate::events::{Event, Reporter};
use crate::schema::TableName;
use crate::scrub::live::{Depth, LiveReport, LiveSchema, PlannedChanges, TableChange};
use crate::scrub::{DroppedMember, ScrubPlan};
use crate::ui::table::{Column, Table};
use crate::words;

/// The database.
#[derive(Serialize, JsonSchema)]
pub struct TargetDocument<'a> {
    /// `null` for the local database, and so is `app`.
    environment: Option<&'a str>,
    app: Option<&'a str>,
    database: &'a str,
    /// The server.
    place: String,
    #[serde(skip)]
    policy: &'a str,
}

/// A table with rows that the rules would still change.
#[derive(Serialize, JsonSchema)]
pub struct Pending<'a> {
    table: &'a TableName,
    /// What happens to its rows, in words.
    rule: String,
    to_delete: u64,
    to_set: u64,
    /// `null` if edits were not counted.
    to_edit: Option<u64>,
}

/// A table that neither the rules nor the audit reach.
#[derive(Serialize, JsonSchema)]
pub struct Unseen<'a> {
    table: &'a TableName,
    why: &'static str,
}

/// The result of `--dry-run`.
#[derive(Serialize, JsonSchema)]
pub struct Planned<'a> {
    /// Always true.
    dry_run: bool,
    target: TargetDocument<'a>,
    policy: &'a str,
    tables: Vec<Pending<'a>>,
}

/// The result of a scrub.
#[derive(Serialize, JsonSchema)]
pub struct Scrubbed<'a> {
    /// Always false.
    dry_run: bool,
    target: TargetDocument<'a>,
    policy: &'a str,
    /// The tables with a rule, changed or not.
    tables: &'a [TableChange],
    /// The sum of rows, and so are `set` and `edited`.
    deleted: u64,
    set: u64,
    edited: u64,
    large_objects: u64,
    /// Members of JSON documents that the manifest does not name.
    dropped_members: Vec<&'a DroppedMember>,
    warnings: &'a [String],
    /// What the audit found, allowed or not.
    audit: Vec<Audited<'a>>,
    seconds: f64,
}

/// What a database holds before it is scrubbed.
pub struct Seen {
    pub pending: Vec<PlannedChanges>,
    pub plan: ScrubPlan,
    /// Whether edits inside values were counted.
    pub depth: Depth,
}

impl Seen {
    fn sum(&self, field: fn(&PlannedChanges) -> u64) -> u64 {
        self.pending.iter().map(field).sum()
    }

    /// Values that a rule would still edit, a line for each table.
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

/// Warns about tables that neither the rules nor the audit reach.
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
            "{table} belongs to an extension and holds text: neither a rule nor the audit reaches it"
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

/// The database, and the changes in numbers.
pub fn before(target: &ScrubTarget, seen: &Seen) -> String {
    let edited = match seen.depth {
        Depth::Values => words::plural(seen.sum(|rows| rows.to_edit), "row"),
        // Edits were not counted, because no question needs the number.
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

/// Lists for a check the rows that rules would still change. These are not findings: a site in use
/// has new sessions a minute after they were deleted.
pub fn pending_note(seen: &Seen) -> String {
    if seen.pending.is_empty() {
        return "no rule would delete a row or set a column\n".to_owned();
    }
    let mut text = "rows without a finding that the rules would still change:\n".to_owned();
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
    text.push_str(&format!("scrubbed {} in {}", target.url.database, words::duration(report.took)));
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
