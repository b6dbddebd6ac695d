//! `backups capture`.

use serde_json::json;

use crate::cli::CaptureArgs;
use crate::commands::capture::capture;
use crate::commands::{Context, Outcome, confirm};
use crate::failure::CommandError;
use crate::words;

use super::backed_up;
use super::list::to_json;

pub async fn run(context: &Context, args: &CaptureArgs) -> Result<Outcome, CommandError> {
    let environment = context.settings.environment(&args.environment)?;
    environment.check_something_is_protected()?;
    let app = environment.app.value.clone();
    if !args.dry_run {
        confirm::check_names(&args.confirm, &[Some(&app)])?;
        confirm::check_can_be_asked(context, &app, &args.confirm)?;
    }
    let subject = context.interrupt.guard(backed_up(context, &args.environment)).await?;
    if args.dry_run {
        let text = format!(
            "a backup of {} would be captured on {app}\ndry run: nothing was changed",
            subject.database.addon_name
        );
        let result =
            json!({ "dry_run": true, "app": app, "database": subject.database.addon_name });
        return Ok(Outcome::done(result, text));
    }
    let done = capture(context, &subject, &args.confirm).await?;
    let mut result = to_json(&done);
    result["app"] = json!(app);
    result["dry_run"] = json!(false);
    let size = done
        .processed_bytes
        .map_or_else(String::new, |bytes| format!(" ({})", words::bytes(bytes)));
    Ok(Outcome::done(result, format!("backup {} of {app} is complete{size}", done.name())))
}
