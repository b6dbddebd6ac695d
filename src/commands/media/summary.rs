//! What is said before and after, for people and for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::TransferArgs;
use crate::commands::{Context, Outcome as CommandOutcome};
use crate::error::{CommandError, Kind};
use crate::events::{Event, Reporter};
use crate::media::{Failure, Outcome, Refused};
use crate::words;

/// How many keys of a kind are named on the screen; `--json` has all of them.
const NAMED: usize = 20;

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
    /// The command that goes on.
    pub again: String,
}

impl Done {
    /// Exit 0 where everything was done, and 11 where keys were left out.
    pub fn finish(self, context: &Context) -> Result<CommandOutcome, CommandError> {
        let Done { plan, outcome, .. } = &self;
        if outcome.given_up {
            return Err(self.given_up());
        }
        let left_out = plan.refused.len() + outcome.failures.len() + self.undeleted.len();
        warn(
            context,
            "left out",
            plan.refused.iter().map(|one| (&one.key, one.problem.to_string())),
        );
        let failed = outcome.failures.iter().chain(&self.undeleted);
        warn(context, "failed", failed.map(|one| (&one.key, one.reason.clone())));
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
        if !outcome.failures.is_empty() && !plan.delete.is_empty() {
            text.push_str("\nnothing was deleted, because not everything was transferred");
        }
        if left_out > 0 {
            text.push_str(&format!(
                "\n{} left out; to go on: {}",
                words::plural(left_out as u64, "key"),
                self.again
            ));
        }
        let exit_code = if left_out == 0 { 0 } else { Kind::Partial.exit_code() };
        Ok(CommandOutcome { result: self.json(), text, exit_code })
    }

    fn given_up(&self) -> CommandError {
        let first = self.outcome.failures.first();
        let text = format!(
            "given up after {} of {}; nothing was deleted",
            words::count(self.outcome.objects),
            words::plural(self.plan.transfer.len() as u64, "object")
        );
        let mut error = CommandError::new(Kind::Partial, text);
        if let Some(failure) = first {
            error = error.with_cause(failure.reason.clone());
        }
        error.hint(format!("once that is mended, go on with: {}", self.again))
    }

    fn json(&self) -> Value {
        let failure = |one: &Failure| json!({ "key": one.key, "reason": one.reason });
        let mut result = self.plan.json();
        result["dry_run"] = json!(false);
        result["transferred"] =
            json!({ "objects": self.outcome.objects, "bytes": self.outcome.bytes });
        result["deleted"] = json!(self.deleted);
        result["failed"] =
            self.outcome.failures.iter().chain(&self.undeleted).map(failure).collect();
        result["unverified"] = json!(self.outcome.unverified);
        result["rendition_rows"] = json!(self.rendition_rows);
        result["seconds"] = json!(self.elapsed.as_secs_f64());
        result
    }
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
        let text = format!("{word}: {more} more, which --json names");
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
