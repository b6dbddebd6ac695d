//! `backups capture`: a fresh backup, which touches the environment and is therefore confirmed.

use serde_json::json;

use crate::adapters::heroku::{DatabaseAttachment, Heroku, Transfer};
use crate::cli::CaptureArgs;
use crate::commands::{Context, Outcome, confirm};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::settings::Environment;
use crate::words;

use super::Subject;
use super::list::to_json;

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
        let text = format!(
            "a backup of {} would be captured on {app}\ndry run: nothing was changed",
            database.addon_name
        );
        let result = json!({ "dry_run": true, "app": app, "database": database.addon_name });
        return Ok(Outcome::done(result, text));
    }
    let done = capture(context, environment, heroku, database, &args.confirm).await?;
    let mut result = to_json(&done);
    result["app"] = json!(app);
    result["dry_run"] = json!(false);
    let size = done
        .processed_bytes
        .map_or_else(String::new, |bytes| format!(" ({})", words::bytes(bytes)));
    Ok(Outcome::done(result, format!("backup {} of {app} is complete{size}", done.name())))
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
