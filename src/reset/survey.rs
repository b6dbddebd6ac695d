//! Observes both environments before anything is decided.

use crate::adapters::git::Branch;
use crate::adapters::git::inventory::Inventory;
use crate::adapters::heroku::Transfer;
use crate::adapters::postgres::connect;
use crate::deployment::backups;
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::restore::{Contents, OpenBackup};
use crate::scrub::live::{self, Access, Limits};
use crate::words;

use super::accounts::{self, Account};
use super::answers::Options;
use super::closed::{Closed, Preset};
use super::content::{self, ContentTables, StagingOnly};
use super::database::POLICY;
use super::quarantine::Starters;
use super::stage::Stage;
use super::take_over::accounts_before;
use super::values::BackupTaken;
use super::world::Sides;

const STEP: &str = "look";

/// The observations that the questions are about.
pub struct Survey {
    pub inventory: Inventory,
    /// Every branch of the origin.
    pub branches: Vec<Branch>,
    pub backup: Transfer,
    /// The name of the source's newest complete backup.
    pub newest: Option<String>,
    /// Whether the destination is in maintenance now. `None` if Heroku does not say.
    pub maintenance: Option<bool>,
    /// `None` if the databases could not be compared.
    pub content: Option<StagingOnly>,
    pub accounts: Option<Vec<Account>>,
    /// How staging is closed. `None` if it is open.
    pub closed: Option<Closed>,
    /// The add-ons that start one-off dynos by themselves, and running one-off dynos.
    pub starters: Starters,
}

/// Observes both sides. A backup that the user named is used instead of the newest.
///
/// # Errors
/// If there is no backup to load, or a side cannot be read.
pub async fn survey(
    reporter: &dyn Reporter,
    sides: &Sides,
    (options, backup_name): (&Options, Option<&str>),
    kept: Option<&BackupTaken>,
    preset: &Preset,
) -> Result<Survey, CommandError> {
    let (source, destination) = (&sides.source, &sides.destination);
    let description = format!("Looking at {} and {}", source.name, destination.name);
    reporter.emit(Event::StepStarted { step: STEP, description });
    let (backup, newest) = backup(reporter, sides, backup_name).await?;
    answered(reporter, format!("Heroku: backup {} of {}", backup.name(), source.name));
    let app = sides.heroku.app(sides.destination.app.id()).await;
    let maintenance = app.ok().map(|app| app.maintenance);
    let repository = &sides.repository;
    let branches = repository.fetch_branches(None).await?;
    let inventory = repository.inventory(&sides.question())?;
    answered(reporter, format!("git origin: {}", words::plural(branches.len() as u64, "branch")));
    warn_of_protection(reporter, sides).await;
    if options.runs(Stage::Database) {
        check_manifest(reporter, sides, &backup).await?;
    }
    let (content, accounts) = match compare(sides).await {
        Ok((content, accounts)) => {
            let (items, people) = (content.items.len() as u64, accounts.len() as u64);
            let (items, people) = (words::plural(items, "item"), words::plural(people, "account"));
            answered(reporter, format!("Databases: {items} and {people} on staging only"));
            (Some(content), Some(accounts))
        }
        Err(error) => {
            let causes = error.causes().join(": ");
            let text = format!("cannot compare content and accounts: {error}: {causes}");
            reporter.emit(Event::Warning(text));
            (None, None)
        }
    };
    // An unfinished run has replaced the accounts. Its backup has staging's earlier accounts.
    let accounts = match kept {
        Some(backup) => Some(accounts_before(sides, backup).await?),
        None => accounts,
    };
    let closed = sides.closed(preset).await?;
    let starters = sides.starters().await;
    let summary = format!("Looked at {} and {}", source.name, destination.name);
    reporter.emit(Event::StepFinished { step: STEP, summary });
    Ok(Survey {
        inventory,
        branches,
        backup,
        newest,
        maintenance,
        content,
        accounts,
        closed,
        starters,
    })
}

/// Prints a line as soon as a service has answered.
fn answered(reporter: &dyn Reporter, summary: String) {
    reporter.emit(Event::StepFinished { step: "service", summary });
}

/// Warns early about a branch that GitLab protects from a force-push.
async fn warn_of_protection(reporter: &dyn Reporter, sides: &Sides) {
    let Some(gitlab) = &sides.gitlab else { return };
    let branch = &sides.branches.staging;
    let text = match gitlab.protected_branch(branch).await {
        Ok(Some(protection)) if !protection.allow_force_push => {
            format!("{branch} is protected at GitLab without force-push; the push will be refused")
        }
        Ok(_) => return,
        Err(error) => format!("cannot ask GitLab whether {branch} is protected: {error}"),
    };
    reporter.emit(Event::Warning(text));
}

/// Compares the manifest with the backup and with the source's database, so that an unknown table
/// or column is found before staging is deployed to and closed. Only the table of contents of the
/// backup is read. The database may have changed since, and shows what the next backup will
/// contain. The load compares again.
async fn check_manifest(
    reporter: &dyn Reporter,
    sides: &Sides,
    backup: &Transfer,
) -> Result<(), CommandError> {
    match contents(sides, backup).await {
        Ok(contents) => {
            contents.scrub_plan(&sides.manifest, POLICY)?;
        }
        Err(error) => {
            let text = format!("cannot compare the manifest with the backup yet: {error}");
            reporter.emit(Event::Warning(text));
        }
    }
    let session = match connect(&sides.source.url).await {
        Ok(session) => session,
        Err(error) => {
            let text = format!("cannot compare the manifest with the database yet: {error}");
            reporter.emit(Event::Warning(text));
            return Ok(());
        }
    };
    live::begin(&session, Access::Read, &Limits::default()).await?;
    live::look(&session, &sides.manifest, POLICY).await?;
    Ok(())
}

async fn contents(sides: &Sides, backup: &Transfer) -> Result<Contents, CommandError> {
    let owner = &sides.source.database.billing_app.name;
    let opened = OpenBackup::download(&sides.heroku, owner, backup.num).await?;
    Ok(Contents::read(opened).await?)
}

async fn compare(sides: &Sides) -> Result<(StagingOnly, Vec<Account>), CommandError> {
    let staging = sides.connect_destination().await?;
    let production = sides.connect_source().await?;
    let settings = &sides.settings;
    let users = &settings.local.users_table;
    let tables = ContentTables::from(&settings.reset);
    let content = content::staging_only(&staging, &production, &tables, users).await?;
    let accounts = accounts::staging_only(&staging, &production, users).await?;
    Ok((content, accounts))
}

/// The named backup or the newest complete one, and the name of the newest.
async fn backup(
    reporter: &dyn Reporter,
    sides: &Sides,
    name: Option<&str>,
) -> Result<(Transfer, Option<String>), CommandError> {
    let source = &sides.source;
    let found = sides.heroku.backups_of(&source.database).await?;
    let Some(name) = name else {
        let capture = format!("bcops backups capture {}", source.name);
        let newest = backups::newest(&found, source, &capture)?;
        let name = newest.name();
        return Ok((newest, Some(name)));
    };
    let named = backups::named_and_complete(&found, source, name, reporter)?;
    // A named backup is used even if the others cannot be judged.
    let newest = found.newest().ok().flatten();
    Ok((named, newest.as_ref().map(Transfer::name)))
}
