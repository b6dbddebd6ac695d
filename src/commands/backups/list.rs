//! `backups list`.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::adapters::heroku::{OfDatabase, Transfer};
use crate::cli::ListArgs;
use crate::commands::{Context, Outcome};
use crate::deployment::known_backups;
use crate::failure::CommandError;
use crate::words;

use super::{backed_up, state};

pub async fn run(context: &Context, args: &ListArgs) -> Result<Outcome, CommandError> {
    let subject = backed_up(context, &args.environment).await?;
    let mut backups = subject.backups().await?;
    let folder = &context.settings.state_directory.value;
    known_backups::remember(folder, &subject.environment.name, &backups.own());
    backups.all.sort_by_key(|(one, _)| std::cmp::Reverse(one.num));
    let name = &subject.database.addon_name;
    let lines: Vec<String> = backups.all.iter().map(|(one, of)| line(one, of, name)).collect();
    let text = match lines.as_slice() {
        [] => format!("{} has no backups", subject.app()),
        lines => lines.join("\n"),
    };
    let result = json!({
        "environment": subject.environment.name,
        "app": subject.app(),
        "database": subject.database.addon_name,
        "transfers": backups.all.iter().map(|(one, of)| with_database(one, of, name))
            .collect::<Vec<_>>(),
    });
    Ok(Outcome::done(result, text))
}

/// The backups of every database of the app are listed: a command takes those of this one.
fn with_database(transfer: &Transfer, of: &OfDatabase, database: &str) -> Value {
    let mut document = to_json(transfer);
    let (name, own) = match of {
        OfDatabase::This => (Some(database), json!(true)),
        OfDatabase::Another(name) => (Some(name.as_str()), json!(false)),
        OfDatabase::Unclear(name) => (name.as_deref(), Value::Null),
    };
    document["database"] = json!(name);
    document["of_this_database"] = own;
    document
}

fn line(transfer: &Transfer, of: &OfDatabase, database: &str) -> String {
    let database = match of {
        OfDatabase::This => database.to_owned(),
        OfDatabase::Another(name) => format!("{name} (another database)"),
        OfDatabase::Unclear(Some(name)) => format!("{name} (not clear which)"),
        OfDatabase::Unclear(None) => "(not clear which)".to_owned(),
    };
    let moment = transfer.finished_at.or(transfer.started_at).or(transfer.created_at);
    let age = moment.map_or_else(String::new, |at| format!("{} ago", age(at)));
    let size = transfer.processed_bytes.map_or_else(String::new, words::bytes);
    format!(
        "{:<8} {:<9} {:<24} {age:>16} {size:>10}  {database}",
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
