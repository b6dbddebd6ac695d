//! What is there before anything is decided.

use crate::adapters::git::Branch;
use crate::adapters::git::inventory::Inventory;
use crate::adapters::heroku::Transfer;
use crate::adapters::postgres::connect;
use crate::commands::Context;
use crate::commands::backups::choice;
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::reset::accounts::{self, Account};
use crate::reset::content::{self, ContentTables, StagingOnly};
use crate::reset::{
    BackupTaken, Closed, Preset, SCRUB_POLICY, Sides, Stage, Starters, accounts_before,
};
use crate::restore::{Contents, OpenBackup};
use crate::scrub::live::{self, Access, Limits};

use super::answers::Given;

const STEP: &str = "look";

/// What the questions are about.
pub struct Survey {
    pub inventory: Inventory,
    /// Every branch of the origin.
    pub branches: Vec<Branch>,
    pub backup: Transfer,
    /// The name of the source's newest complete backup.
    pub newest: Option<String>,
    /// Whether the destination shows its maintenance page now, where Heroku says so.
    pub maintenance: Option<bool>,
    /// `None` where the databases could not be compared.
    pub content: Option<StagingOnly>,
    pub accounts: Option<Vec<Account>>,
    /// How staging is closed, where it is.
    pub closed: Option<Closed>,
    /// The add-ons that start one-off dynos by themselves, and such dynos that run now.
    pub starters: Starters,
}

pub async fn look(
    context: &Context,
    sides: &Sides,
    given: &Given,
    kept: Option<&BackupTaken>,
    preset: &Preset,
) -> Result<Survey, CommandError> {
    let (source, destination) = (&sides.source, &sides.destination);
    let description = format!("Looking at {} and {}", source.name, destination.name);
    context.ui.emit(Event::StepStarted { step: STEP, description });
    let (backup, newest) = backup(context, sides, given).await?;
    let app = sides.heroku.app(sides.destination.app.id()).await;
    let maintenance = app.ok().map(|app| app.maintenance);
    let repository = &sides.repository;
    let branches = repository.fetch_branches(None).await?;
    let inventory = repository.inventory(&crate::adapters::git::inventory::Question {
        master: &sides.branches.master,
        staging: &sides.branches.staging,
        stale_after: context.settings.git.stale_after.value,
        now: jiff::Timestamp::now(),
    })?;
    warn_of_protection(context, sides).await;
    if given.options.runs(Stage::Database) {
        check_manifest(context, sides, &backup).await?;
    }
    let (content, accounts) = match compare(sides).await {
        Ok((content, accounts)) => (Some(content), Some(accounts)),
        Err(error) => {
            let causes = error.causes().join(": ");
            let text = format!("content and accounts were not compared: {error}: {causes}");
            context.ui.emit(Event::Warning(text));
            (None, None)
        }
    };
    // An unfinished run has replaced the accounts; its backup has those that staging had.
    let accounts = match kept {
        Some(backup) => Some(accounts_before(sides, backup).await?),
        None => accounts,
    };
    let closed = sides.closed(preset).await?;
    let starters = sides.starters().await;
    let summary = format!("Looked at {} and {}", source.name, destination.name);
    context.ui.emit(Event::StepFinished { step: STEP, summary });
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

/// A branch that may not be force-pushed is better known of before anything is done.
async fn warn_of_protection(context: &Context, sides: &Sides) {
    let Some(gitlab) = &sides.gitlab else { return };
    let branch = &sides.branches.staging;
    let text = match gitlab.protected_branch(branch).await {
        Ok(Some(protection)) if !protection.allow_force_push => {
            format!("{branch} is protected at GitLab and may not be force-pushed")
        }
        Ok(_) => return,
        Err(error) => format!("whether {branch} may be force-pushed is not known: {error}"),
    };
    context.ui.emit(Event::Warning(text));
}

/// What the manifest does not know is better found out before staging is deployed to and closed
/// than when the backup is loaded, where it is looked at again. The table of contents of the very
/// backup says it, of which nothing else is read; and the database, which may have changed since,
/// says what the next backup will hold.
async fn check_manifest(
    context: &Context,
    sides: &Sides,
    backup: &Transfer,
) -> Result<(), CommandError> {
    match contents(sides, backup).await {
        Ok(contents) => {
            contents.scrub_plan(&sides.manifest, SCRUB_POLICY)?;
        }
        Err(error) => {
            let text = format!("the manifest was not compared with the backup yet: {error}");
            context.ui.emit(Event::Warning(text));
        }
    }
    let session = match connect(&sides.source.url).await {
        Ok(session) => session,
        Err(error) => {
            let text = format!("the manifest was not compared with the database yet: {error}");
            context.ui.emit(Event::Warning(text));
            return Ok(());
        }
    };
    live::begin(&session, Access::Read, &Limits::default()).await?;
    live::look(&session, &sides.manifest, SCRUB_POLICY).await?;
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

/// The backup that was named, or the newest one that is complete; and the name of the newest.
async fn backup(
    context: &Context,
    sides: &Sides,
    given: &Given,
) -> Result<(Transfer, Option<String>), CommandError> {
    let source = &sides.source;
    let backups = sides.heroku.backups_of(&sides.source.database).await?;
    let Some(name) = given.backup_name() else {
        return backups.newest()?.map(|newest| (newest.clone(), Some(newest.name()))).ok_or_else(
            || {
                let app = &source.app.value;
                let text = format!("{app} has no completed backup; nothing was changed");
                CommandError::new(FailureKind::Refused, text)
                    .hint(format!("bcops backups capture {}", source.name))
            },
        );
    };
    let place = (source.app.value.as_str(), source.name.as_str());
    let found = choice::named_and_complete(context, &backups, place, name)?;
    // A backup that was named is taken, whatever the others are.
    let newest = backups.newest().ok().flatten();
    Ok((found, newest.as_ref().map(Transfer::name)))
}
