//! Writes the plan and the result of a transfer, for people and programs.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::s3::{NO_ACLS, UNSET_ACL};
use crate::cli::{PushMediaArgs, TransferArgs};
use crate::commands::{Context, Outcome as CommandOutcome};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::media::{Failure, Fate, Outcome, Refused};
use crate::ui::table::{Column, Table};
use crate::words;

use super::only;

/// How many keys of a kind are named on the screen.
const NAMED: usize = 20;
/// How many keys of a kind are named in `--json`.
const LISTED: usize = 1000;

/// The plan, and after the work its result.
#[derive(Serialize, JsonSchema)]
pub struct Transfer<'a> {
    dry_run: bool,
    /// A bucket or a folder, and so is `to`.
    from: &'a str,
    to: &'a str,
    /// The size of each side before, and so is `destination`.
    source: Amount,
    destination: Amount,
    /// The objects to transfer.
    transfer: Listed<'a>,
    /// The objects to delete.
    delete: Listed<'a>,
    /// Objects that are the same on both sides.
    unchanged: u64,
    /// Files that were read for the comparison.
    hashed: u64,
    /// Keys that cannot be files, or names that cannot be keys.
    refused: Vec<KeyReason<'a>>,
    /// Rows of renditions to delete, or deleted. `null` without `--images`.
    rendition_rows: Option<u64>,
    #[serde(flatten)]
    work: Option<Work<'a>>,
}

/// Absent with `--dry-run`.
#[derive(Serialize, JsonSchema)]
struct Work<'a> {
    /// The transferred objects.
    transferred: Amount,
    deleted: u64,
    /// The first thousand keys that may succeed on another try.
    failed: Vec<KeyReason<'a>>,
    /// Objects that cannot be read now. Their copies are unchanged.
    skipped: Skipped<'a>,
    /// Objects that could be compared by size only.
    unverified: u64,
    seconds: f64,
}

#[derive(Serialize, JsonSchema)]
struct Amount {
    objects: u64,
    bytes: u64,
}

#[derive(Serialize, JsonSchema)]
struct Listed<'a> {
    objects: u64,
    bytes: u64,
    /// Objects that replace another.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<u64>,
    /// All keys, with `--dry-run` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<KeySize<'a>>>,
}

#[derive(Serialize, JsonSchema)]
struct KeySize<'a> {
    key: &'a str,
    size: u64,
}

#[derive(Serialize, JsonSchema)]
struct KeyReason<'a> {
    key: &'a str,
    reason: String,
}

#[derive(Serialize, JsonSchema)]
struct Skipped<'a> {
    /// The first thousand.
    keys: Vec<SkippedKey<'a>>,
    /// Deleted since they were listed.
    gone: u64,
    /// Listed, but missing on every request.
    missing: u64,
    /// Archived, and not restored.
    archived: u64,
    /// Refused by the server.
    refused: u64,
    /// Failed on every request.
    failing: u64,
}

#[derive(Serialize, JsonSchema)]
struct SkippedKey<'a> {
    key: &'a str,
    why: Fate,
    reason: &'a str,
}

/// The plan of a transfer.
pub struct Plan {
    pub source: String,
    pub destination: String,
    pub source_size: (u64, u64),
    pub destination_size: (u64, u64),
    /// Keys and sizes.
    pub transfer: Vec<(String, u64)>,
    pub delete: Vec<(String, u64)>,
    pub unchanged: u64,
    /// How many of the transferred objects replace another.
    pub replaced: u64,
    pub hashed: u64,
    pub refused: Vec<Refused>,
    pub no_delete: bool,
    /// The database, and the number of rows.
    pub renditions: Option<(String, u64)>,
    /// How the objects are copied.
    pub how: Option<String>,
}

impl Plan {
    pub fn bytes(&self) -> u64 {
        self.transfer.iter().map(|(_, size)| size).sum()
    }

    fn deleted_bytes(&self) -> u64 {
        self.delete.iter().map(|(_, size)| size).sum()
    }

    pub fn changes_nothing(&self) -> bool {
        let renditions = self.renditions.as_ref().is_some_and(|(_, rows)| *rows > 0);
        self.transfer.is_empty() && self.delete.is_empty() && !renditions
    }

    /// Whether something is lost.
    pub fn is_destructive(&self) -> bool {
        let renditions = self.renditions.as_ref().is_some_and(|(_, rows)| *rows > 0);
        self.replaced > 0 || !self.delete.is_empty() || renditions
    }

    pub fn text(&self) -> String {
        let size = |(objects, bytes): (u64, u64)| {
            format!("{}, {}", words::plural(objects, "object"), words::bytes(bytes))
        };
        let mut lines = vec![
            format!("from  {} ({})", self.source, size(self.source_size)),
            format!("to    {} ({})", self.destination, size(self.destination_size)),
            format!(
                "      {} to transfer ({}), {} of them in place of another",
                words::plural(self.transfer.len() as u64, "object"),
                words::bytes(self.bytes()),
                words::count(self.replaced),
            ),
            format!(
                "      {} to delete ({}); {} unchanged",
                words::count(self.delete.len() as u64),
                words::bytes(self.deleted_bytes()),
                words::count(self.unchanged),
            ),
        ];
        if self.no_delete {
            lines.push("      nothing is deleted (--no-delete)".to_owned());
        }
        if let Some((place, rows)) = &self.renditions {
            let rows = words::plural(*rows, "row");
            lines.push(format!("      {rows} of renditions to delete in {place}"));
        }
        lines.extend(self.how.as_ref().map(|how| format!("      {how}")));
        lines.join("\n")
    }

    fn document(&self) -> Transfer<'_> {
        let amount = |(objects, bytes)| Amount { objects, bytes };
        let listed = |list: &'_ [(String, u64)], bytes| Listed {
            objects: list.len() as u64,
            bytes,
            replaced: None,
            keys: None,
        };
        Transfer {
            dry_run: false,
            from: &self.source,
            to: &self.destination,
            source: amount(self.source_size),
            destination: amount(self.destination_size),
            transfer: Listed {
                replaced: Some(self.replaced),
                ..listed(&self.transfer, self.bytes())
            },
            delete: listed(&self.delete, self.deleted_bytes()),
            unchanged: self.unchanged,
            hashed: self.hashed,
            refused: self.refused.iter().map(KeyReason::from).collect(),
            rendition_rows: self.renditions.as_ref().map(|(_, rows)| *rows),
            work: None,
        }
    }

    /// Every key that would be changed.
    pub fn dry_run(&self) -> CommandOutcome {
        let mut document = Transfer { dry_run: true, ..self.document() };
        document.transfer.keys = Some(keys(&self.transfer));
        document.delete.keys = Some(keys(&self.delete));
        let columns = [Column::word("ACTION"), Column::number("SIZE"), Column::text("KEY")];
        let mut table = Table::new(columns);
        for (action, list) in [("transfer", &self.transfer), ("delete", &self.delete)] {
            for (key, size) in list {
                table.row([action, &words::bytes(*size), &key.escape_debug().to_string()]);
            }
        }
        let table = if table.is_empty() { String::new() } else { format!("{table}\n") };
        CommandOutcome::done(document, format!("{table}dry run: nothing was changed"))
    }
}

fn keys(list: &[(String, u64)]) -> Vec<KeySize<'_>> {
    list.iter().map(|(key, size)| KeySize { key, size: *size }).collect()
}

/// The work that was done.
pub struct Done {
    pub plan: Plan,
    pub outcome: Outcome,
    pub deleted: u64,
    pub undeleted: Vec<Failure>,
    pub rendition_rows: Option<u64>,
    pub elapsed: Duration,
    /// The command that repeats this one.
    pub again: String,
    /// The name of the file for failed keys.
    pub retry: String,
    /// Whether skipped objects are a failure.
    pub strict: bool,
}

impl Done {
    /// Exits with 0 if nothing more can be done now, and with 11 if another try may do more.
    /// Objects that cannot be read now are a warning, and with `--strict` exit 8.
    pub fn finish(self, context: &Context) -> Result<CommandOutcome, CommandError> {
        let Done { plan, outcome, .. } = &self;
        let again = self.again_commands(context);
        if outcome.given_up {
            return Err(self.given_up(&again));
        }
        warn(
            context,
            "skipped",
            plan.refused.iter().map(|one| (&one.key, one.problem.to_string())),
        );
        let failed = outcome.failures.iter().chain(&self.undeleted);
        warn(context, "failed", failed.map(|one| (&one.key, one.reason.clone())));
        let skipped = outcome.skipped.iter().filter(|one| one.fate.is_worth_a_warning());
        let reason = |one: &Failure| format!("{}: {}", one.fate.words(), one.reason);
        warn(context, "skipped", skipped.clone().map(|one| (&one.key, reason(one))));
        let left = plan.refused.len() + outcome.failures.len() + self.undeleted.len();
        let exit_code = match (left, skipped.count()) {
            (0, 0) => 0,
            (0, _) if self.strict => FailureKind::RemoteJob.exit_code(),
            (0, _) => 0,
            _ => FailureKind::Partial.exit_code(),
        };
        let mut text = self.text();
        if left > 0 {
            let left = words::plural(left as u64, "key");
            text.push_str(&format!("\n{left} not done; try again: {}", again.join("\nthen: ")));
        }
        Ok(CommandOutcome::done(self.document(), text).with_exit_code(exit_code))
    }

    fn text(&self) -> String {
        let Done { plan, outcome, .. } = self;
        let mut text = format!(
            "{}: {} ({}) transferred, {} deleted, {} unchanged, in {}",
            plan.destination,
            words::plural(outcome.objects, "object"),
            words::bytes(outcome.bytes),
            words::count(self.deleted),
            words::count(plan.unchanged),
            words::duration(self.elapsed),
        );
        if let Some(rows) = self.rendition_rows {
            text.push_str(&format!("\n{} of renditions deleted", words::plural(rows, "row")));
        }
        if outcome.unverified > 0 {
            text.push_str(&format!(
                "\n{} compared by size only, because neither ETag nor a stored checksum is usable",
                words::plural(outcome.unverified, "object")
            ));
        }
        if !outcome.skipped.is_empty() {
            let skipped = words::plural(outcome.skipped.len() as u64, "object");
            let by_fate = by_fate(&outcome.skipped);
            text.push_str(&format!("\n{skipped} skipped ({by_fate}); their copies are unchanged"));
        }
        if !outcome.failures.is_empty() && !plan.delete.is_empty() {
            text.push_str("\nnothing was deleted, because not everything was transferred");
        }
        text
    }

    /// The commands for the rest: first the failed keys, then the deletions.
    fn again_commands(&self, context: &Context) -> Vec<String> {
        let failures = &self.outcome.failures;
        if self.outcome.given_up || failures.is_empty() {
            return vec![self.again.clone()];
        }
        let Some(file) = only::write(context, &self.retry, failures) else {
            return vec![self.again.clone()];
        };
        let file = words::shell_word(&file.display().to_string());
        let mut commands = vec![format!("{} --only {file}", self.again)];
        if !self.plan.delete.is_empty() || !self.undeleted.is_empty() {
            commands.push(self.again.clone());
        }
        commands
    }

    fn given_up(&self, again: &[String]) -> CommandError {
        let first = self.outcome.failures.first();
        let text = format!(
            "stopped after {} of {}; nothing was deleted",
            words::count(self.outcome.objects),
            words::plural(self.plan.transfer.len() as u64, "object")
        );
        let mut error = CommandError::new(FailureKind::Partial, text);
        if let Some(failure) = first {
            error = error.with_cause(anyhow::Error::msg(failure.reason.clone()));
        }
        if first.is_some_and(|failure| failure.reason.contains(NO_ACLS)) {
            error = error.hint(UNSET_ACL);
        }
        error.hint(format!("fix that, then run: {}", again.join("; then: ")))
    }

    fn document(&self) -> Transfer<'_> {
        let Done { plan, outcome, .. } = self;
        let failed = outcome.failures.iter().chain(&self.undeleted).take(LISTED);
        let unreadable = || outcome.skipped.iter().chain(&outcome.failures);
        let count = |fate: Fate| unreadable().filter(|one| one.fate == fate).count() as u64;
        let work = Work {
            transferred: Amount { objects: outcome.objects, bytes: outcome.bytes },
            deleted: self.deleted,
            failed: failed.map(KeyReason::from).collect(),
            skipped: Skipped {
                keys: unreadable().take(LISTED).map(SkippedKey::from).collect(),
                gone: count(Fate::Gone),
                missing: count(Fate::Missing),
                archived: count(Fate::Archived),
                refused: count(Fate::Refused),
                failing: count(Fate::Failing),
            },
            unverified: outcome.unverified,
            seconds: self.elapsed.as_secs_f64(),
        };
        Transfer { rendition_rows: self.rendition_rows, work: Some(work), ..plan.document() }
    }
}

impl<'a> From<&'a Failure> for KeyReason<'a> {
    fn from(one: &'a Failure) -> Self {
        KeyReason { key: &one.key, reason: one.reason.clone() }
    }
}

impl<'a> From<&'a Refused> for KeyReason<'a> {
    fn from(one: &'a Refused) -> Self {
        KeyReason { key: &one.key, reason: one.problem.to_string() }
    }
}

impl<'a> From<&'a Failure> for SkippedKey<'a> {
    fn from(one: &'a Failure) -> Self {
        SkippedKey { key: &one.key, why: one.fate, reason: &one.reason }
    }
}

/// `2 archived, 1 refused`.
pub fn by_fate(failures: &[Failure]) -> String {
    let count = |fate: Fate| failures.iter().filter(|one| one.fate == fate).count() as u64;
    let found = Fate::ALL.into_iter().map(|fate| (count(fate), fate)).filter(|(n, _)| *n > 0);
    let words = found.map(|(number, fate)| format!("{} {}", words::count(number), fate.words()));
    words.collect::<Vec<_>>().join(", ")
}

fn warn<'a>(context: &Context, word: &str, keys: impl Iterator<Item = (&'a String, String)>) {
    let mut more = 0;
    for (at, (key, reason)) in keys.enumerate() {
        if at < NAMED {
            let text = format!("{word}: `{}`: {reason}", key.escape_debug());
            context.ui.emit(Event::Warning(text));
        } else {
            more += 1;
        }
    }
    if more > 0 {
        let text = format!("{word}: {more} more; --json lists the first {LISTED}");
        context.ui.emit(Event::Warning(text));
    }
}

/// The command line that repeats this one.
pub fn again(command: &str, environment: &str, from: Option<&str>, args: &TransferArgs) -> String {
    let mut text = format!("bcops {command} {environment}");
    if let Some(from) = from {
        text.push_str(&format!(" --from {from}"));
    }
    for (given, flag) in [
        (args.images, " --images"),
        (args.no_delete, " --no-delete"),
        (args.checksum, " --checksum"),
        (args.strict, " --strict"),
    ] {
        if given {
            text.push_str(flag);
        }
    }
    if let Some(limit) = args.max_delete {
        text.push_str(&format!(" --max-delete {limit}"));
    }
    text
}

/// The confirmations that were given as flags.
pub fn confirmed(args: &PushMediaArgs) -> String {
    args.confirm.iter().map(|name| format!(" --confirm {}", words::shell_word(name))).collect()
}
