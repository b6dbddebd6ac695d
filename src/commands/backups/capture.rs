//! `backups capture`: a fresh backup, which touches the environment and is therefore confirmed.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::heroku::{DatabaseAttachment, Heroku, Transfer};
use crate::cli::CaptureArgs;
use crate::commands::{Context, Outcome, confirm};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::settings::Environment;
use crate::words;

use super::Subject;
use super::backup::Backup;

#[derive(Serialize, JsonSchema)]
pub struct Captured<'a> {
    dry_run: bool,
    app: &'a str,
    /// The add-on, with `--dry-run` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'a str>,
    /// Not there with `--dry-run`.
    #[serde(flatten)]
    backup: Option<Backup>,
}

pub async fn run(context: &Context, args: &CaptureArgs) -> Result<Outcome, CommandError> {
    let environment = context.settings.environment(&args.environment)?;
    environment.check_something_is_protected()?;
    let app = environment.app.value.clone();
    if !args.dry_run {
        confirm::check_names(&args.confirm, &[Some(&app)])?;
        confirm::check_can_be_asked(context, &app, &args.confirm)?;
    }
    let subject = context.interrupt.guard(Subject::of(context, &args.environment)).await?;
    let Subject { environment, heroku, database } = &subject;
    if args.dry_run {
        let database = Some(database.addon_name.as_str());
        return Ok(Outcome::of(&Captured { dry_run: true, app: &app, database, backup: None }));
    }
    let done = capture(context, environment, heroku, database, &args.confirm).await?;
    let backup = Some(Backup::from(&done));
    Ok(Outcome::of(&Captured { dry_run: false, app: &app, database: None, backup }))
}

impl fmt::Display for Captured<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let app = self.app;
        let Some(Backup { name, bytes, .. }) = &self.backup else {
            let database = self.database.unwrap_or_default();
            writeln!(f, "a backup of {database} would be captured on {app}")?;
            return f.write_str("dry run: nothing was changed");
        };
        let size = bytes.map_or_else(String::new, |bytes| format!(" ({})", words::bytes(bytes)));
        write!(f, "backup {name} of {app} is complete{size}")
    }
}

/// Asks, captures, and waits for the end.
pub async fn capture(
    context: &Context,
    environment: &Environment,
    heroku: &Heroku,
    database: &DatabaseAttachment,
    confirmed: &[String],
) -> Result<Transfer, CommandError> {
    environment.check_something_is_protected()?;
    let app = &environment.app.value;
    context.ui.question(&format!(
        "A backup of {} will be captured on {app} ({}).",
        database.addon_name, environment.name
    ));
    confirm::type_name(context, app, confirmed)?;
    let step = "capture";
    let description = format!("Capturing a backup of {app}");
    context.ui.emit(Event::StepStarted { step, description });
    let started = heroku.start_capture(database).await?;
    let billing_app = &database.billing_app.name;
    let waiting =
        async { Ok(heroku.wait_for_transfer(billing_app, &started, step, &*context.ui).await?) };
    let done = context.interrupt.guard(waiting).await.map_err(|error| match error.kind {
        FailureKind::Interrupted => {
            error.hint(format!("backup {} goes on at Heroku by itself", started.name()))
        }
        _ => error,
    })?;
    let summary = format!("Backup {} captured", done.name());
    context.ui.emit(Event::StepFinished { step, summary });
    Ok(done)
}
