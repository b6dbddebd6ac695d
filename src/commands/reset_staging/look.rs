//! What is there before anything is decided.

use std::collections::BTreeMap;

use crate::adapters::git::inventory::Inventory;
use crate::adapters::heroku::{Transfer, TransferState, backup_named, newest_completed};
use crate::adapters::postgres::connect;
use crate::commands::Context;
use crate::error::{CommandError, Kind};
use crate::events::{Event, Reporter};
use crate::reset::SCRUB_POLICY;
use crate::reset::accounts::{self, Account};
use crate::reset::content::{self, ContentTables, StagingOnly};
use crate::scrub::live::{self, Access, Limits};

use super::answers::Wishes;
use super::resolve::Resolved;

const STEP: &str = "look";

/// What the questions are about.
pub struct Seen {
    pub inventory: Inventory,
    /// The tips of every branch of the origin, by name.
    pub tips: BTreeMap<String, String>,
    pub backup: Transfer,
    /// Whether the source had no newer one that is complete.
    pub is_newest: bool,
    /// `None` where the databases could not be compared.
    pub content: Option<StagingOnly>,
    pub accounts: Option<Vec<Account>>,
}

pub async fn look(
    context: &Context,
    resolved: &Resolved,
    wishes: &Wishes,
) -> Result<Seen, CommandError> {
    let (source, destination) = (&resolved.source, &resolved.destination);
    let description = format!("Looking at {} and {}", source.name, destination.name);
    context.ui.emit(Event::StepStarted { step: STEP, description });
    let (backup, is_newest) = backup(resolved, wishes).await?;
    let repository = &resolved.repository;
    let branches = repository.fetch_branches(None).await?;
    let inventory = repository.inventory(&crate::adapters::git::inventory::Question {
        master: &resolved.branches.master,
        staging: &resolved.branches.staging,
        stale_after: context.settings.git.stale_after.value,
        now: jiff::Timestamp::now(),
    })?;
    let tips = branches.into_iter().map(|one| (one.name, one.commit.to_string())).collect();
    warn_of_protection(context, resolved).await;
    if !wishes.skipped().iter().any(|stage| stage == "database") {
        check_manifest(context, resolved).await?;
    }
    let (content, accounts) = match compare(resolved).await {
        Ok((content, accounts)) => (Some(content), Some(accounts)),
        Err(error) => {
            let causes = error.causes().join(": ");
            let text = format!("content and accounts were not compared: {error}: {causes}");
            context.ui.emit(Event::Warning(text));
            (None, None)
        }
    };
    let summary = format!("Looked at {} and {}", source.name, destination.name);
    context.ui.emit(Event::StepFinished { step: STEP, summary });
    Ok(Seen { inventory, tips, backup, is_newest, content, accounts })
}

/// A branch that may not be force-pushed is better known of before anything is done.
async fn warn_of_protection(context: &Context, resolved: &Resolved) {
    let Some(gitlab) = &resolved.gitlab else { return };
    let branch = &resolved.branches.staging;
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
/// than when the backup is loaded, where it is looked at again.
async fn check_manifest(context: &Context, resolved: &Resolved) -> Result<(), CommandError> {
    let session = match connect(&resolved.source_url).await {
        Ok(session) => session,
        Err(error) => {
            let text = format!("the manifest was not compared with the database yet: {error}");
            context.ui.emit(Event::Warning(text));
            return Ok(());
        }
    };
    live::begin(&session, Access::Read, &Limits::default()).await?;
    live::look(&session, &resolved.manifest, SCRUB_POLICY).await?;
    Ok(())
}

async fn compare(resolved: &Resolved) -> Result<(StagingOnly, Vec<Account>), CommandError> {
    let staging = connect(&resolved.destination_url).await?;
    let production = connect(&resolved.source_url).await?;
    let settings = &resolved.settings;
    let users = &settings.local.users_table;
    let tables = ContentTables::from(&settings.reset);
    let content = content::staging_only(&staging, &production, &tables, users).await?;
    let accounts = accounts::staging_only(&staging, &production, users).await?;
    Ok((content, accounts))
}

/// The backup that was named, or the newest one that is complete; and whether that is the newest.
async fn backup(resolved: &Resolved, wishes: &Wishes) -> Result<(Transfer, bool), CommandError> {
    let app = &resolved.source.app.value;
    let transfers = resolved.heroku.transfers_of(&resolved.source_database).await?;
    let hint = format!("bcops backups list {}", resolved.source.name);
    let newest = newest_completed(&transfers);
    let Some(name) = wishes.backup_name() else {
        return newest.cloned().map(|newest| (newest, true)).ok_or_else(|| {
            let text = format!("{app} has no completed backup; nothing was changed");
            CommandError::new(Kind::Refused, text)
                .hint(format!("bcops backups capture {}", resolved.source.name))
        });
    };
    let found = backup_named(&transfers, name).ok_or_else(|| {
        CommandError::new(Kind::Usage, format!("{app} has no backup {name}")).hint(hint.clone())
    })?;
    if found.state() != TransferState::Completed {
        let text = format!("backup {name} of {app} is not complete; nothing was changed");
        return Err(CommandError::new(Kind::Refused, text).hint(hint));
    }
    let is_newest = newest.is_some_and(|newest| newest.uuid == found.uuid);
    Ok((found.clone(), is_newest))
}
