//! `backups capture`: captures a backup, and waits for its end.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::CaptureArgs;
use crate::commands::capture::capture;
use crate::commands::{Context, Outcome, confirm};
use crate::failure::CommandError;
use crate::words;

use super::backed_up;
use super::backup::Backup;

/// The new backup.
#[derive(Serialize, JsonSchema)]
pub struct Captured<'a> {
    dry_run: bool,
    app: &'a str,
    /// The add-on, with `--dry-run` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'a str>,
    /// Absent with `--dry-run`.
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
    let subject = context.interrupt.guard(backed_up(context, &args.environment)).await?;
    if args.dry_run {
        let database = Some(subject.database.addon_name.as_str());
        return Ok(Outcome::of(&Captured { dry_run: true, app: &app, database, backup: None }));
    }
    let done = capture(context, &subject, &args.confirm).await?;
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
        write!(f, "captured backup {name} of {app}{size}")
    }
}
