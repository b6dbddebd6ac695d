//! What a scrub tells: before it begins, and when it is done.

use serde_json::{Value, json};

use crate::commands::{Context, Outcome, dropped, findings};
use crate::events::{Event, Reporter};
use crate::scrub::ScrubPlan;
use crate::scrub::live::{Depth, LiveReport, LiveSchema, PendingRows, TableChange};
use crate::words;

use super::target::Target;

/// What was seen of a database before it is scrubbed.
pub struct Seen {
    pub pending: Vec<PendingRows>,
    pub plan: ScrubPlan,
    /// Whether edits inside of values were counted.
    pub depth: Depth,
}

impl Seen {
    fn sum(&self, field: fn(&PendingRows) -> u64) -> u64 {
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

    fn rule(&self, rows: &PendingRows) -> String {
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
pub fn unseen_json(live: &LiveSchema) -> Vec<Value> {
    let foreign = live.foreign_tables.iter().map(|table| (table, "foreign table"));
    let extension = live.extension_tables.iter().map(|table| (table, "table of an extension"));
    let unseen = foreign.chain(extension);
    unseen.map(|(table, why)| json!({ "table": table.short(), "why": why })).collect()
}

/// The resource, and what will happen to it in numbers.
pub fn before(target: &Target, seen: &Seen) -> String {
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

pub fn dry_run(target: &Target, seen: &Seen) -> Outcome {
    let mut text = String::new();
    for rows in &seen.pending {
        text.push_str(&format!(
            "{:<44} {:>10} to delete {:>10} to set {:>10} to edit   {}\n",
            rows.table.short(),
            words::count(rows.to_delete),
            words::count(rows.to_set),
            words::count(rows.to_edit),
            seen.rule(rows)
        ));
    }
    text.push_str("dry run: nothing was changed");
    let result = json!({
        "dry_run": true,
        "target": target_json(target),
        "policy": target.policy,
        "tables": pending_json(seen),
    });
    Outcome::done(result, text)
}

/// For a check: rules that the database does not obey, which is no finding by itself. A site that
/// is in use has sessions again a minute after they were deleted.
pub fn pending_note(seen: &Seen) -> String {
    if seen.pending.is_empty() {
        return "every rule that deletes rows or sets columns holds\n".to_owned();
    }
    let mut text =
        "rows that the rules would still change, though nothing in them was found:\n".to_owned();
    for rows in &seen.pending {
        text.push_str(&format!(
            "  {:<42} {:>10} to delete {:>10} to set\n",
            rows.table.short(),
            words::count(rows.to_delete),
            words::count(rows.to_set)
        ));
    }
    text
}

pub fn after(target: &Target, report: &LiveReport) -> Outcome {
    let mut text = String::new();
    let total = |change: &TableChange| change.deleted + change.set + change.edited;
    for change in report.tables.iter().filter(|change| total(change) > 0) {
        text.push_str(&format!(
            "{:<44} {:>10} deleted {:>10} set {:>10} edited\n",
            change.table.short(),
            words::count(change.deleted),
            words::count(change.set),
            words::count(change.edited)
        ));
    }
    let sum = |field: fn(&TableChange) -> u64| report.tables.iter().map(field).sum::<u64>();
    let (deleted, set, edited) =
        (sum(|one| one.deleted), sum(|one| one.set), sum(|one| one.edited));
    text.push_str(&format!(
        "{:<44} {:>10} deleted {:>10} set {:>10} edited\n",
        "all rows",
        words::count(deleted),
        words::count(set),
        words::count(edited)
    ));
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
    let tables = report.tables.iter().map(|change| {
        json!({
            "table": change.table.short(),
            "rule": change.rule,
            "deleted": change.deleted,
            "set": change.set,
            "edited": change.edited,
        })
    });
    let result = json!({
        "dry_run": false,
        "target": target_json(target),
        "policy": target.policy,
        "tables": tables.collect::<Vec<_>>(),
        "deleted": deleted,
        "set": set,
        "edited": edited,
        "large_objects": report.large_objects,
        "dropped_members": dropped::json(members()),
        "warnings": report.warnings,
        "audit": report.audit.iter().map(findings::json).collect::<Vec<_>>(),
        "seconds": report.took.as_secs_f64(),
    });
    Outcome::done(result, text)
}

pub fn target_json(target: &Target) -> Value {
    json!({
        "environment": target.environment.as_ref().map(|(name, _)| name),
        "app": target.environment.as_ref().map(|(_, app)| app),
        "database": target.url.database,
        "place": target.url.place(),
    })
}

pub fn pending_json(seen: &Seen) -> Vec<Value> {
    let rows = seen.pending.iter().map(|rows| {
        json!({
            "table": rows.table.short(),
            "rule": seen.rule(rows),
            "to_delete": rows.to_delete,
            "to_set": rows.to_set,
            "to_edit": (seen.depth == Depth::Values).then_some(rows.to_edit),
        })
    });
    rows.collect()
}
