//! Chooses the backup to load, and opens its bytes.

use std::path::PathBuf;

use crate::cli::PullDataArgs;
use crate::commands::capture::capture;
use crate::commands::{Context, confirm};
use crate::deployment::LoggedIn;
use crate::deployment::backups::{BackedUp, EnvironmentBackup};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::restore::OpenBackup;
use crate::words;

/// Where the archive comes from.
pub enum Backup {
    File(PathBuf),
    StandardInput,
    Heroku(Box<EnvironmentBackup>),
}

/// Chooses the backup: by flag, or the newest completed one.
pub async fn find(
    context: &Context,
    args: &PullDataArgs,
    logged_in: Option<LoggedIn>,
) -> Result<Backup, CommandError> {
    if let Some(path) = &args.file {
        return Ok(if path.as_os_str() == "-" {
            Backup::StandardInput
        } else {
            Backup::File(path.clone())
        });
    }
    let (Some(name), Some(logged_in)) = (&args.environment, logged_in) else {
        return Err(CommandError::new(FailureKind::Usage, "no environment was given")
            .hint("bcops pull-data production"));
    };
    let environment = context.settings.environment(name)?;
    let backed_up = BackedUp::with(logged_in.heroku, environment).await?;
    if args.capture && args.dry_run {
        let app = backed_up.app();
        context.ui.message(&format!("A pull would capture a fresh backup of {app} first."));
    }
    let transfer = match args.capture && !args.dry_run {
        true => capture(context, &backed_up, &args.confirm).await?,
        false => {
            let capture = format!("bcops pull-data {name} --capture");
            backed_up.choose(args.backup.as_deref(), &*context.ui, &capture).await?
        }
    };
    let backup = backed_up.backup(transfer);
    check_age(context, args, &backup)?;
    Ok(Backup::Heroku(Box::new(backup)))
}

fn check_age(
    context: &Context,
    args: &PullDataArgs,
    backup: &EnvironmentBackup,
) -> Result<(), CommandError> {
    let limit = context.settings.backup_max_age.value;
    let age = backup.age();
    if args.allow_old || age.is_some_and(|age| age <= limit) {
        return Ok(());
    }
    let age = age
        .map_or_else(|| "of unknown age".to_owned(), |age| format!("{} old", words::duration(age)));
    let text = format!("backup {} of {} is {age}", backup.transfer.name(), backup.app);
    if args.dry_run {
        context.ui.emit(Event::Warning(format!(
            "{text}; a pull asks whether to use it, or needs --allow-old"
        )));
        return Ok(());
    }
    confirm::yes(context, &format!("{text}. Use it?"), "--allow-old")
        .map_err(|error| error.hint("capture a fresh backup instead: --capture"))
}

impl Backup {
    /// A description for people.
    pub fn describe(&self) -> String {
        match self {
            Backup::File(path) => path.display().to_string(),
            Backup::StandardInput => "standard input".to_owned(),
            Backup::Heroku(backup) => backup.describe(),
        }
    }

    /// Opens the archive, without a copy on disk.
    pub async fn open(&self) -> Result<OpenBackup, CommandError> {
        match self {
            Backup::File(path) => OpenBackup::file(path).map_err(|error| error.of_file(path)),
            Backup::StandardInput => Ok(OpenBackup::read_once(std::io::stdin())),
            Backup::Heroku(backup) => {
                let (owner, number) = (&backup.owner, backup.transfer.num);
                Ok(OpenBackup::download(&backup.heroku, owner, number).await?)
            }
        }
    }
}
