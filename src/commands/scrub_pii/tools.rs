//! `--manifest`: checks, drafts and explains a scrub manifest.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::postgres::PostgresError;
use crate::cli::ScrubPiiArgs;
use crate::commands::{Context, Outcome};
use crate::deployment::manifest;
use crate::failure::{CommandError, FailureKind};
use crate::schema::{Schema, TableName};
use crate::scrub::Manifest;
use crate::scrub::backup_file::{BackupFile, Input};
use crate::scrub::live::{self, Access};
use crate::scrub::tools::{self, Explanation, Problem, RowSamples, Severity};
use crate::words;

use super::{limits, target};

pub async fn run(
    context: &Context,
    args: &ScrubPiiArgs,
    words: &[String],
) -> Result<Outcome, CommandError> {
    let manifest = manifest::load(&context.settings)?;
    match words {
        [tool] if tool == "validate" => validate(context, args, &manifest, None).await,
        [tool, environment] if tool == "validate" => {
            validate(context, args, &manifest, Some(environment)).await
        }
        [tool] if tool == "suggest" => suggest(context, args, &manifest, None).await,
        [tool, environment] if tool == "suggest" => {
            suggest(context, args, &manifest, Some(environment)).await
        }
        [tool, table] if tool == "explain" => explain(context, args, &manifest, table).await,
        [tool] if tool == "explain" => Err(CommandError::new(
            FailureKind::Usage,
            "--manifest explain needs the name of a table",
        )
        .hint("bcops scrub-pii --manifest explain users_user")),
        [tool, ..] => {
            Err(CommandError::new(FailureKind::Usage, format!("--manifest has no tool {tool}"))
                .with_hints(words::did_you_mean(tool, ["validate", "suggest", "explain"]))
                .hint(
                    "use one of: --manifest validate, --manifest suggest, --manifest explain TABLE",
                ))
        }
        [] => Err(CommandError::new(FailureKind::Usage, "--manifest needs the name of a tool")
            .hint("bcops scrub-pii --manifest validate")),
    }
}

/// The result of `--manifest validate`.
#[derive(Serialize, JsonSchema)]
pub struct Validated<'a> {
    /// Always `validate`.
    tool: &'static str,
    /// The database or the file.
    subject: &'a str,
    valid: bool,
    problems: &'a [Problem],
}

/// The result of `--manifest suggest`.
#[derive(Serialize, JsonSchema)]
pub struct Suggested<'a> {
    /// Always `suggest`.
    tool: &'static str,
    /// The database or the file.
    subject: &'a str,
    /// The lines to add, in TOML.
    manifest: &'a str,
}

/// The result of `--manifest explain TABLE`.
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
    args: &ScrubPiiArgs,
    environment: Option<&str>,
    with: With,
) -> Result<Subject, CommandError> {
    let Some(path) = &args.file else {
        return context.interrupt.guard(database(context, args, environment, with)).await;
    };
    if environment.is_some() {
        let text = "give an environment or a file, not both";
        return Err(CommandError::new(FailureKind::Usage, text)
            .hint("leave out the environment, or --file"));
    }
    let path = path.clone();
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
    args: &ScrubPiiArgs,
    environment: Option<&str>,
    with: With,
) -> Result<Subject, CommandError> {
    let target = target::readable_environment(context, args, environment).await?;
    let session = target.connect().await?;
    live::begin(&session, Access::Read, &limits(args)).await?;
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

async fn validate(
    context: &Context,
    args: &ScrubPiiArgs,
    manifest: &Manifest,
    environment: Option<&str>,
) -> Result<Outcome, CommandError> {
    let subject = subject(context, args, environment, With::Schema).await?;
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

async fn suggest(
    context: &Context,
    args: &ScrubPiiArgs,
    manifest: &Manifest,
    environment: Option<&str>,
) -> Result<Outcome, CommandError> {
    let subject = subject(context, args, environment, With::Samples).await?;
    let draft = tools::suggest(&subject.schema, manifest, &subject.samples);
    let result = Suggested { tool: "suggest", subject: &subject.name, manifest: &draft };
    Ok(Outcome::done(result, draft.trim_end().to_owned()))
}

/// Explains a table by the manifest, and by the keys of the database if it can be reached.
async fn explain(
    context: &Context,
    args: &ScrubPiiArgs,
    manifest: &Manifest,
    table: &str,
) -> Result<Outcome, CommandError> {
    let asked_for = args.file.is_some() || args.target.is_some();
    let schema = match subject(context, args, None, With::Schema).await {
        Ok(subject) => Some(subject.schema),
        Err(error) if asked_for || error.kind == FailureKind::Interrupted => return Err(error),
        Err(_) => None,
    };
    let manifest = manifest.for_explaining(schema.as_ref());
    let explanation = tools::explain(&manifest, schema.as_ref(), table).map_err(|error| {
        CommandError::new(FailureKind::Usage, error.to_string())
            .hint("bcops scrub-pii --manifest validate")
    })?;
    let text = explanation.to_string();
    Ok(Outcome::done(Explained { tool: "explain", explanation }, text.trim_end()))
}
