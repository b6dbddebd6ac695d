//! What is there before anything is decided.

use std::collections::BTreeMap;

use crate::adapters::git::inventory::Inventory;
use crate::adapters::heroku::Transfer;
use crate::adapters::postgres::connect;
use crate::commands::Context;
use crate::deployment::backups;
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::reset::accounts::{self, Account};
use crate::reset::content::{self, ContentTables, StagingOnly};
use crate::reset::{
    BackupTaken, Closed, Preset, SCRUB_POLICY, Starters, Surroundings, accounts_before,
};
use crate::restore::{Contents, OpenBackup};
use crate::scrub::live::{self, Access, Limits};

use super::answers::Wishes;

const STEP: &str = "look";

/// What the questions are about.
pub struct Seen {
    pub inventory: Inventory,
    /// The tips of every branch of the origin, by name.
    pub tips: BTreeMap<String, String>,
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
    surroundings: &Surroundings,
    wishes: &Wishes,
    kept: Option<&BackupTaken>,
    preset: &Preset,
) -> Result<Seen, CommandError> {
    let (source, destination) = (&surroundings.source, &surroundings.destination);
    let description = format!("Looking at {} and {}", source.name, destination.name);
    context.ui.emit(Event::StepStarted { step: STEP, description });
    let (backup, newest) = backup(context, surroundings, wishes).await?;
    let app = surroundings.heroku.app(surroundings.app.id()).await;
    let maintenance = app.ok().map(|app| app.maintenance);
    let repository = &surroundings.repository;
    let branches = repository.fetch_branches(None).await?;
    let inventory = repository.inventory(&crate::adapters::git::inventory::Question {
        master: &surroundings.branches.master,
        staging: &surroundings.branches.staging,
        stale_after: context.settings.git.stale_after.value,
        now: jiff::Timestamp::now(),
    })?;
    let tips = branches.into_iter().map(|one| (one.name, one.commit.to_string())).collect();
    warn_of_protection(context, surroundings).await;
    if !wishes.skipped().iter().any(|stage| stage == "database") {
        check_manifest(context, surroundings, &backup).await?;
    }
    let (content, accounts) = match compare(surroundings).await {
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
        Some(backup) => Some(accounts_before(surroundings, backup).await?),
        None => accounts,
    };
    let closed = surroundings.closed(preset).await?;
    let starters = surroundings.starters().await;
    let summary = format!("Looked at {} and {}", source.name, destination.name);
    context.ui.emit(Event::StepFinished { step: STEP, summary });
    Ok(Seen { inventory, tips, backup, newest, maintenance, content, accounts, closed, starters })
}

/// A branch that may not be force-pushed is better known of before anything is done.
async fn warn_of_protection(context: &Context, surroundings: &Surroundings) {
    let Some(gitlab) = &surroundings.gitlab else { return };
    let branch = &surroundings.branches.staging;
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
    surroundings: &Surroundings,
    backup: &Transfer,
) -> Result<(), CommandError> {
    match contents(surroundings, backup).await {
        Ok(contents) => {
            contents.scrub_plan(&surroundings.manifest, SCRUB_POLICY)?;
        }
        Err(error) => {
            let text = format!("the manifest was not compared with the backup yet: {error}");
            context.ui.emit(Event::Warning(text));
        }
    }
    let session = match connect(&surroundings.source_url).await {
        Ok(session) => session,
        Err(error) => {
            let text = format!("the manifest was not compared with the database yet: {error}");
            context.ui.emit(Event::Warning(text));
            return Ok(());
        }
    };
    live::begin(&session, Access::Read, &Limits::default()).await?;
    live::look(&session, &surroundings.manifest, SCRUB_POLICY).await?;
    Ok(())
}

async fn contents(
    surroundings: &Surroundings,
    backup: &Transfer,
) -> Result<Contents, CommandError> {
    let owner = &surroundings.source_database.billing_app.name;
    let opened = OpenBackup::download(&surroundings.heroku, owner, backup.num).await?;
    Ok(Contents::read(opened).await?)
}

async fn compare(surroundings: &Surroundings) -> Result<(StagingOnly, Vec<Account>), CommandError> {
    let staging = surroundings.connect_destination().await?;
    let production = surroundings.connect_source().await?;
    let settings = &surroundings.settings;
    let users = &settings.local.users_table;
    let tables = ContentTables::from(&settings.reset);
    let content = content::staging_only(&staging, &production, &tables, users).await?;
    let accounts = accounts::staging_only(&staging, &production, users).await?;
    Ok((content, accounts))
}

/// The backup that was named, or the newest one that is complete; and the name of the newest.
async fn backup(
    context: &Context,
    surroundings: &Surroundings,
    wishes: &Wishes,
) -> Result<(Transfer, Option<String>), CommandError> {
    let source = &surroundings.source;
    let found = surroundings.heroku.backups_of(&surroundings.source_database).await?;
    let Some(name) = wishes.backup_name() else {
        let newest = backups::newest(&found, source)?;
        let name = newest.name();
        return Ok((newest, Some(name)));
    };
    let named = backups::named_and_complete(&found, source, name, &*context.ui)?;
    // A backup that was named is taken, whatever the others are.
    let newest = found.newest().ok().flatten();
    Ok((named, newest.as_ref().map(Transfer::name)))
}
