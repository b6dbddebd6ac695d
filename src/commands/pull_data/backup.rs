//! Which backup to load, and its bytes.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::adapters::heroku::{DatabaseAttachment, Heroku, Transfer};
use crate::cli::PullDataArgs;
use crate::commands::backups::{capture, choice};
use crate::commands::{Context, confirm};
use crate::deployment::LoggedIn;
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::restore::OpenBackup;
use crate::settings::Environment;
use crate::words;

/// Where the archive comes from.
pub enum Backup {
    File(PathBuf),
    StandardInput,
    Heroku(Box<HerokuBackup>),
}

/// A completed backup of an environment's database.
pub struct HerokuBackup {
    pub environment: String,
    pub app: String,
    /// The app that owns the database, and with it the backups.
    pub billing_app: String,
    pub transfer: Transfer,
    pub finished_at: Option<Timestamp>,
    heroku: Heroku,
}

/// Chooses the backup: by flag, or the newest one that is complete.
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
        return Err(CommandError::new(FailureKind::Usage, "no environment was given"));
    };
    let environment = context.settings.environment(name)?;
    let heroku = logged_in.heroku;
    let variable = &environment.database_url_variable;
    let database = heroku.resolve_database(&environment.app.value, variable).await?;
    if args.capture && args.dry_run {
        let app = &environment.app.value;
        context.ui.message(&format!("A fresh backup of {app} would be captured first."));
    }
    let transfer = match args.capture && !args.dry_run {
        true => capture(context, environment, &heroku, &database, &args.confirm).await?,
        false => choose(context, args.backup.as_deref(), environment, &heroku, &database).await?,
    };
    let backup = HerokuBackup::new(environment, &database, transfer, heroku);
    check_age(context, args, &backup)?;
    Ok(Backup::Heroku(Box::new(backup)))
}

/// The named backup, or the newest one that is complete.
pub async fn choose_for_download(
    context: &Context,
    environment: &str,
    name: Option<&str>,
) -> Result<HerokuBackup, CommandError> {
    let environment = context.settings.environment(environment)?;
    let heroku = context.deployments().log_in().await?.heroku;
    let (app, variable) = (&environment.app.value, &environment.database_url_variable);
    let database = heroku.resolve_database(app, variable).await?;
    let transfer = choose(context, name, environment, &heroku, &database).await?;
    Ok(HerokuBackup::new(environment, &database, transfer, heroku))
}

async fn choose(
    context: &Context,
    name: Option<&str>,
    environment: &Environment,
    heroku: &Heroku,
    database: &DatabaseAttachment,
) -> Result<Transfer, CommandError> {
    let app = &environment.app.value;
    let backups = heroku.backups_of(database).await?;
    if let Some(name) = name {
        let place = (app.as_str(), environment.name.as_str());
        return choice::named_and_complete(context, &backups, place, name);
    }
    backups.newest()?.ok_or_else(|| {
        let text = format!("{app} has no completed backup; nothing was changed");
        CommandError::new(FailureKind::Refused, text)
            .hint(format!("bcops pull-data {} --capture", environment.name))
    })
}

fn check_age(
    context: &Context,
    args: &PullDataArgs,
    backup: &HerokuBackup,
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
        context.ui.emit(Event::Warning(format!("{text}: a pull would ask, or need --allow-old")));
        return Ok(());
    }
    confirm::yes(context, &format!("{text}. Use it?"), "--allow-old")
        .map_err(|error| error.hint("or take a fresh one: --capture"))
}

impl HerokuBackup {
    fn new(
        environment: &Environment,
        database: &DatabaseAttachment,
        transfer: Transfer,
        heroku: Heroku,
    ) -> HerokuBackup {
        HerokuBackup {
            environment: environment.name.clone(),
            app: environment.app.value.clone(),
            billing_app: database.billing_app.name.clone(),
            finished_at: transfer.finished_at,
            transfer,
            heroku,
        }
    }

    pub fn age(&self) -> Option<Duration> {
        let age = Timestamp::now().duration_since(self.finished_at?);
        Some(Duration::try_from(age).unwrap_or_default())
    }
}

impl Backup {
    /// What it is, for people.
    pub fn describe(&self) -> String {
        match self {
            Backup::File(path) => path.display().to_string(),
            Backup::StandardInput => "standard input".to_owned(),
            Backup::Heroku(backup) => {
                let age = backup
                    .age()
                    .map_or_else(String::new, |age| format!(", {} old", words::duration(age)));
                let name = backup.transfer.name();
                format!("{} ({}), backup {name}{age}", backup.environment, backup.app)
            }
        }
    }

    /// Opens the archive. Nothing of it is kept on disk.
    pub async fn open(&self) -> Result<OpenBackup, CommandError> {
        match self {
            Backup::File(path) => OpenBackup::file(path).map_err(|error| error.of_file(path)),
            Backup::StandardInput => Ok(OpenBackup::read_once(std::io::stdin())),
            Backup::Heroku(backup) => {
                let (owner, number) = (&backup.billing_app, backup.transfer.num);
                Ok(OpenBackup::download(&backup.heroku, owner, number).await?)
            }
        }
    }
}
