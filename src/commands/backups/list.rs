//! `backups list`.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::adapters::heroku::Transfer;
use crate::cli::ListArgs;
use crate::commands::{Context, Outcome};
use crate::error::CommandError;
use crate::words;

use super::{Subject, known, state};

pub async fn run(context: &Context, args: &ListArgs) -> Result<Outcome, CommandError> {
    let subject = Subject::of(context, &args.environment).await?;
    let mut transfers = subject.heroku.transfers_of(&subject.database).await?;
    let folder = &context.settings.state_directory.value;
    known::remember(folder, &subject.environment.name, &transfers);
    transfers.sort_by_key(|one| std::cmp::Reverse(one.num));
    let lines: Vec<String> = transfers.iter().map(line).collect();
    let text = match lines.as_slice() {
        [] => format!("{} has no backups", subject.app()),
        lines => lines.join("\n"),
    };
    let result = json!({
        "environment": subject.environment.name,
        "app": subject.app(),
        "database": subject.database.addon_name,
        "transfers": transfers.iter().map(to_json).collect::<Vec<_>>(),
    });
    Ok(Outcome::done(result, text))
}

fn line(transfer: &Transfer) -> String {
    let moment = transfer.finished_at.or(transfer.started_at).or(transfer.created_at);
    let age = moment.map_or_else(String::new, |at| format!("{} ago", age(at)));
    let size = transfer.processed_bytes.map_or_else(String::new, words::bytes);
    format!(
        "{:<8} {:<9} {:<24} {age:>16} {size:>10}",
        transfer.name(),
        kind(transfer),
        state(transfer)
    )
}

pub fn age(at: Timestamp) -> String {
    let age = Timestamp::now().duration_since(at);
    words::duration(std::time::Duration::try_from(age).unwrap_or_default())
}

fn kind(transfer: &Transfer) -> &'static str {
    match (transfer.is_backup(), transfer.from_type.as_deref()) {
        (true, _) if transfer.is_scheduled() => "scheduled",
        (true, _) => "backup",
        (false, Some("pg_dump")) => "copy",
        (false, _) => "restore",
    }
}

/// Everything but the URLs, which hold credentials.
pub fn to_json(transfer: &Transfer) -> Value {
    json!({
        "name": transfer.name(),
        "number": transfer.num,
        "kind": kind(transfer),
        "state": state(transfer),
        "created_at": transfer.created_at.map(|at| at.to_string()),
        "started_at": transfer.started_at.map(|at| at.to_string()),
        "finished_at": transfer.finished_at.map(|at| at.to_string()),
        "bytes": transfer.processed_bytes,
        "database_bytes": transfer.source_bytes,
        "warnings": transfer.warnings(),
    })
}
