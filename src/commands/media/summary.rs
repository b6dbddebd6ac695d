//! What is said before and after, for people and for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::adapters::s3::{NO_ACLS, UNSET_ACL};
use crate::cli::{PushMediaArgs, TransferArgs};
use crate::commands::{Context, Outcome as CommandOutcome};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::media::{Failure, Fate, Outcome, Refused};
use crate::words;

use super::only;

/// How many keys of a kind are named on the screen.
const NAMED: usize = 20;
/// How many keys of a kind are named in `--json`.
const LISTED: usize = 1000;

/// Everything about to happen.
pub struct Plan {
    pub source: String,
    pub destination: String,
    pub source_size: (u64, u64),
    pub destination_size: (u64, u64),
    /// Keys and sizes.
    pub transfer: Vec<(String, u64)>,
    pub delete: Vec<(String, u64)>,
    pub unchanged: u64,
    /// Of the transferred ones, those that replace something.
    pub replaced: u64,
    pub hashed: u64,
    pub refused: Vec<Refused>,
    pub no_delete: bool,
    /// Where, and how many.
    pub renditions: Option<(String, u64)>,
    /// Further words on how.
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

    /// Whether something is lost by it.
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
                "      {} to transfer ({}), {} of them in place of another; {} to delete ({}); {} unchanged",
                words::plural(self.transfer.len() as u64, "object"),
                words::bytes(self.bytes()),
                words::count(self.replaced),
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

    fn json(&self) -> Value {
        json!({
            "from": self.source,
            "to": self.destination,
            "source": { "objects": self.source_size.0, "bytes": self.source_size.1 },
            "destination": { "objects": self.destination_size.0, "bytes": self.destination_size.1 },
            "transfer": { "objects": self.transfer.len(), "bytes": self.bytes(), "replaced": self.replaced },
            "delete": { "objects": self.delete.len(), "bytes": self.deleted_bytes() },
            "unchanged": self.unchanged,
            "hashed": self.hashed,
            "refused": refused_json(&self.refused),
            "rendition_rows": self.renditions.as_ref().map(|(_, rows)| rows),
        })
    }

    /// Every key that would be touched.
    pub fn dry_run(&self) -> CommandOutcome {
        let mut result = self.json();
        result["dry_run"] = json!(true);
        let keys = |list: &[(String, u64)]| {
            list.iter().map(|(key, size)| json!({ "key": key, "size": size })).collect::<Vec<_>>()
        };
        result["transfer"]["keys"] = json!(keys(&self.transfer));
        result["delete"]["keys"] = json!(keys(&self.delete));
        let mut lines = Vec::new();
        for (word, list) in [("transfer", &self.transfer), ("delete  ", &self.delete)] {
            for (key, size) in list {
                lines.push(format!("{word} {} ({})", key.escape_debug(), words::bytes(*size)));
            }
        }
        lines.push("dry run: nothing was changed".to_owned());
        CommandOutcome::done(result, lines.join("\n"))
    }
}

/// What was done.
pub struct Done {
    pub plan: Plan,
    pub outcome: Outcome,
    pub deleted: u64,
    pub undeleted: Vec<Failure>,
    pub rendition_rows: Option<u64>,
    pub elapsed: Duration,
    /// The command that repeats this one.
    pub again: String,
    /// The name of the list of keys that could not be transferred.
    pub retry: String,
    /// Whether skipped objects are a failure.
    pub strict: bool,
}

impl Done {
    /// Exit 0 where everything was done that can be done, and 11 where another try may do more.
    /// Objects that nobody can read now are a warning, and with `--strict` exit 8.
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
            text.push_str(&format!("\n{left} not done; to try again: {}", again.join("\nthen: ")));
        }
        Ok(CommandOutcome { result: self.json(), text, exit_code })
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
                "\n{} could be compared by size only: neither the ETag nor a stored checksum tells of the bytes",
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

    /// The commands that do what is left: those keys alone, and then the deletions.
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
            "given up after {} of {}; nothing was deleted",
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
        error.hint(format!("once that is fixed: {}", again.join("; then: ")))
    }

    fn json(&self) -> Value {
        let failure = |one: &Failure| json!({ "key": one.key, "reason": one.reason });
        let mut result = self.plan.json();
        result["dry_run"] = json!(false);
        result["transferred"] =
            json!({ "objects": self.outcome.objects, "bytes": self.outcome.bytes });
        result["deleted"] = json!(self.deleted);
        result["failed"] =
            self.outcome.failures.iter().chain(&self.undeleted).take(LISTED).map(failure).collect();
        let unreadable = || self.outcome.skipped.iter().chain(&self.outcome.failures);
        let mut counts = json!({ "keys": unreadable().take(LISTED).map(|one| json!({
            "key": one.key, "why": one.fate.name(), "reason": one.reason,
        })).collect::<Vec<_>>() });
        for fate in Fate::ALL {
            counts[fate.name()] = json!(unreadable().filter(|one| one.fate == fate).count());
        }
        result["skipped"] = counts;
        result["unverified"] = json!(self.outcome.unverified);
        result["rendition_rows"] = json!(self.rendition_rows);
        result["seconds"] = json!(self.elapsed.as_secs_f64());
        result
    }
}

/// `2 archived, 1 refused`.
pub fn by_fate(failures: &[Failure]) -> String {
    let count = |fate: Fate| failures.iter().filter(|one| one.fate == fate).count() as u64;
    let found = Fate::ALL.into_iter().map(|fate| (count(fate), fate)).filter(|(n, _)| *n > 0);
    let words = found.map(|(number, fate)| format!("{} {}", words::count(number), fate.words()));
    words.collect::<Vec<_>>().join(", ")
}

fn refused_json(refused: &[Refused]) -> Value {
    let one =
        |refused: &Refused| json!({ "key": refused.key, "reason": refused.problem.to_string() });
    refused.iter().map(one).collect()
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

/// The answers to the question that were given as flags.
pub fn confirmed(args: &PushMediaArgs) -> String {
    args.confirm.iter().map(|name| format!(" --confirm {}", words::shell_word(name))).collect()
}
