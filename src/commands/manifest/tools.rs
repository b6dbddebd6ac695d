//! Checks a manifest against a database or a backup file, drafts its entries and explains them.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::write;
use crate::adapters::postgres::PostgresError;
use crate::commands::scrub_target::{self, Named};
use crate::commands::{Context, Outcome};
use crate::failure::{CommandError, FailureKind};
use crate::schema::{Schema, TableName};
use crate::scrub::Manifest;
use crate::scrub::backup_file::{BackupFile, Input};
use crate::scrub::live::{self, Access, Limits};
use crate::scrub::tools::{self, Explanation, Problem, RowSamples, Severity};
use crate::words;

/// The database or the backup file that a tool reads.
#[derive(Debug, Clone, Copy, Default)]
pub struct Source<'a> {
    /// Without one, the local database.
    pub environment: Option<&'a str>,
    pub file: Option<&'a Path>,
    /// The local database, instead of the one in the local URL.
    pub target: Option<&'a str>,
    pub limits: Limits,
}

/// The result of `manifest validate`.
#[derive(Serialize, JsonSchema)]
pub struct Validated<'a> {
    /// Always `validate`.
    tool: &'static str,
    /// The database or the file.
    subject: &'a str,
    valid: bool,
    problems: &'a [Problem],
}

/// The result of `manifest suggest`.
#[derive(Serialize, JsonSchema)]
pub struct Suggested<'a> {
    /// Always `suggest`.
    tool: &'static str,
    /// The database or the file.
    subject: &'a str,
    /// The lines to add, in TOML.
    manifest: &'a str,
    /// The file that has the lines now, with `--write`.
    written: Option<&'a str>,
}

/// The result of `manifest explain TABLE`.
#[derive(Serialize, JsonSchema)]
pub struct Explained<'a> {
    /// Always `explain`.
    tool: &'static str,
    #[serde(flatten)]
    explanation: Explanation<'a>,
}

/// A schema, and its database or file.
struct Subject {
    schema: Schema,
    name: String,
    samples: RowSamples,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum With {
    Schema,
    Samples,
}

/// The schema of the backup file, or of the database.
async fn subject(
    context: &Context,
    source: Source<'_>,
    with: With,
) -> Result<Subject, CommandError> {
    let Some(path) = source.file else {
        return context.interrupt.guard(database(context, source, with)).await;
    };
    if source.environment.is_some() {
        let text = "give an environment or a file, not both";
        return Err(CommandError::new(FailureKind::Usage, text)
            .hint("leave out the environment, or --file"));
    }
    let path = path.to_owned();
    let reading = async {
        let reading = tokio::task::spawn_blocking(move || backup_file(&path, with));
        reading.await.map_err(|_| {
            CommandError::new(
                FailureKind::Unexpected,
                "cannot read the archive: its thread ended early",
            )
        })?
    };
    context.interrupt.guard(reading).await
}

fn backup_file(path: &Path, with: With) -> Result<Subject, CommandError> {
    let input = match path.as_os_str() == "-" {
        true => Input::Stream(Box::new(std::io::stdin())),
        false => Input::File(path.to_owned()),
    };
    let opened = BackupFile::open(input);
    let backup = match path.as_os_str() == "-" {
        true => opened?,
        false => opened.map_err(|error| error.of_file(path))?,
    };
    let schema = backup.schema().clone();
    let samples = match with {
        With::Schema => RowSamples::default(),
        With::Samples => backup.sample()?,
    };
    Ok(Subject { schema, name: path.display().to_string(), samples })
}

async fn database(
    context: &Context,
    source: Source<'_>,
    with: With,
) -> Result<Subject, CommandError> {
    let Source { environment, target, .. } = source;
    let named = Named { environment, target, policy: None };
    let target = scrub_target::readable(context, named).await?;
    let session = target.connect().await?;
    live::begin(&session, Access::Read, &source.limits).await?;
    let live = live::read_live_schema(&*session).await.map_err(CommandError::from)?;
    let samples = match with {
        With::Schema => RowSamples::default(),
        With::Samples => {
            let tables: Vec<&TableName> = live.schema.tables.keys().collect();
            live::sample(&session, &live, tables).await?
        }
    };
    session.batch_execute("ROLLBACK").await.map_err(PostgresError::from)?;
    Ok(Subject { schema: live.schema, name: target.describe(), samples })
}

pub async fn validate(
    context: &Context,
    source: Source<'_>,
    manifest: &Manifest,
) -> Result<Outcome, CommandError> {
    let subject = subject(context, source, With::Schema).await?;
    let mut problems = tools::validate(manifest, &subject.schema);
    if !context.settings.inherits {
        // Another site may lack the tables of the built-in one.
        problems.retain(|problem| !problem.is_of_the_built_in_site());
    }
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let mut text: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
    let tables = words::plural(subject.schema.tables.len() as u64, "table");
    text.push_str(&match (errors, problems.len()) {
        (0, 0) => format!("the manifest fits the {tables} of {}", subject.name),
        (0, warnings) => format!(
            "the manifest fits the {tables} of {}, with {}",
            subject.name,
            words::plural(warnings as u64, "warning")
        ),
        (errors, _) => format!(
            "the manifest does not fit {}: {}",
            subject.name,
            words::plural(errors as u64, "error")
        ),
    });
    let (subject, valid) = (subject.name.as_str(), errors == 0);
    let result = Validated { tool: "validate", subject, valid, problems: &problems };
    // A manifest that does not fit cannot show that personal data is gone.
    let exit_code = if errors == 0 { 0 } else { FailureKind::PersonalData.exit_code() };
    Ok(Outcome::done(result, text).with_exit_code(exit_code))
}

pub async fn suggest(
    context: &Context,
    source: Source<'_>,
    manifest: &Manifest,
    writes: bool,
) -> Result<Outcome, CommandError> {
    let file = writes.then(|| write::destination(context)).transpose()?;
    let subject = subject(context, source, With::Samples).await?;
    let drafted = tools::suggest_parts(&subject.schema, manifest, &subject.samples);
    let whole = format!("{}{}", drafted.beginning, drafted.entries);
    let mut result =
        Suggested { tool: "suggest", subject: &subject.name, manifest: &whole, written: None };
    let Some(file) = file.filter(|_| !drafted.is_empty()) else {
        return Ok(Outcome::done(result, whole.trim_end()));
    };
    write::add(file, &drafted.entries)?;
    let path = file.path.display().to_string();
    let tables = drafted.entries.lines().filter(|line| write::begins_table(line)).count() as u64;
    let text = format!(
        "{}\n\nwrote entries for {} to {path}; {}",
        drafted.entries.trim(),
        words::plural(tables, "table"),
        write::next(file)
    );
    result.written = Some(&path);
    Ok(Outcome::done(result, text))
}

/// Explains a table by the manifest, and by the keys of the database if it can be reached.
pub async fn explain(
    context: &Context,
    source: Source<'_>,
    manifest: &Manifest,
    table: &str,
) -> Result<Outcome, CommandError> {
    let asked_for = source.file.is_some() || source.target.is_some();
    let schema = match subject(context, source, With::Schema).await {
        Ok(subject) => Some(subject.schema),
        Err(error) if asked_for || error.kind == FailureKind::Interrupted => return Err(error),
        Err(_) => None,
    };
    let manifest = manifest.for_explaining(schema.as_ref());
    let explanation = tools::explain(&manifest, schema.as_ref(), table).map_err(|error| {
        CommandError::new(FailureKind::Usage, error.to_string()).hint("bcops manifest validate")
    })?;
    let text = explanation.to_string();
    Ok(Outcome::done(Explained { tool: "explain", explanation }, text.trim_end()))
}
