//! Checks whether a rollback can complete, and what it loses. Everything here only reads.

use std::time::Duration;

use jiff::Timestamp;

use crate::adapters::heroku::TransferState;
use crate::adapters::postgres::PostgresError;
use crate::failure::CommandError;
use crate::reset::closed::Preset;
use crate::reset::content::ContentTables;
use crate::reset::git::{short, way_back_in_words};
use crate::reset::jobs::PRESENT_FOR;
use crate::reset::unfinished::refuse_stale;
use crate::reset::values::{BACKUP, BackupTaken, MERGED, Merged, RELEASE_AT_START, RELEASE_BEFORE};
use crate::reset::world::Reset;
use crate::runbook::history::UndoPhase;
use crate::runbook::{History, RunId, Runbook, Runs};

use super::losses::{Losses, TableLoss};
use super::{counts, database, refused};

/// The run to roll back.
pub struct Asked<'a> {
    pub run: &'a RunId,
    pub runbook: &'a Runbook<Reset>,
    pub history: &'a History,
    /// When the run itself last wrote its journal, before any rollback.
    pub ended: Option<Timestamp>,
    pub past_later_runs: bool,
}

/// What a rollback will do, as far as that is known before.
#[derive(Debug, Default)]
pub struct WayBack {
    pub replaces_database: bool,
    /// Whether the present database is backed up first. Rows that are not verified are not backed
    /// up.
    pub captures: bool,
    pub captures_again: bool,
    /// The tip that the rollback discards, if it is not the run's own.
    pub gives_up: Option<String>,
    /// A description of how the earlier code is put back.
    pub code: Option<String>,
    pub losses: Losses,
}

/// # Errors
/// A refusal if the rollback would stop half-way.
pub async fn look_back(
    world: &Reset,
    asked: &Asked<'_>,
    runs: &Runs,
) -> Result<WayBack, CommandError> {
    let look = LookBack { world, asked };
    let later = look.later_runs(runs).await?;
    if !later.is_empty() && !asked.past_later_runs {
        let (run, names) = (asked.run, later.join(", "));
        let text = format!("cannot roll run {run} back: {names} came after it on the same staging");
        return Err(refused(text)
            .hint(format!("to roll the latest back: bcops runs rollback {}", later_id(&later)))
            .hint(format!(
                "to discard what they did: {} --past-later-runs",
                run.rollback_command()
            )));
    }
    if !asked.past_later_runs {
        let again = format!("{} --past-later-runs", asked.run.rollback_command());
        refuse_stale(world, asked.runbook, asked.run, asked.history)
            .await
            .map_err(|error| error.hint(format!("to discard later changes: {again}")))?;
    }
    let mut back = WayBack::default();
    let mut losses = Losses { since: asked.ended, ..Losses::default() };
    look.branch(&mut back, &mut losses).await?;
    look.code(&mut back, &mut losses).await?;
    look.database(&mut back, &mut losses).await?;
    back.losses = losses;
    Ok(back)
}

fn later_id(later: &[String]) -> &str {
    later.last().map_or("", String::as_str)
}

struct LookBack<'a> {
    world: &'a Reset,
    asked: &'a Asked<'a>,
}

impl LookBack<'_> {
    fn is_pending(&self, id: &str) -> bool {
        is_pending(self.asked.history, id)
    }

    /// Runs that began after this one and have changed the same staging, from the journals of this
    /// machine and the tips that runs of other machines keep on the origin.
    async fn later_runs(&self, runs: &Runs) -> Result<Vec<String>, CommandError> {
        let mut later = Vec::new();
        let mut known = Vec::new();
        for id in runs.names()?.into_iter().filter(|id| id > self.asked.run) {
            let Ok(journal) = runs.journal(&id) else { continue };
            let history = History::of(journal.records());
            known.push(id.to_string());
            if has_changed(&history, self.world.app_name()) {
                later.push(id.to_string());
            }
        }
        for name in self.world.repository.runs_with_backups().await? {
            let is_later = RunId::parse(&name).is_some_and(|id| id > *self.asked.run);
            if is_later && !known.contains(&name) {
                later.push(name);
            }
        }
        later.sort();
        Ok(later)
    }

    /// Checks that the branch is where the run left it, and that the backup of the old tip exists.
    async fn branch(&self, back: &mut WayBack, losses: &mut Losses) -> Result<(), CommandError> {
        let merged: Option<Merged> = self.asked.history.get(&MERGED);
        let (true, Some(merged)) = (self.is_pending("push"), merged) else { return Ok(()) };
        let (run, branch) = (self.asked.run, &self.world.branches.staging);
        // This uses the namespace of planning, which is removed afterwards.
        let repository = &self.world.repository;
        let branches = repository.fetch_branches(None).await?;
        let now = branches.iter().find(|one| one.name == *branch).map(|one| one.commit);
        let Some(now) = now else {
            let text = format!("cannot roll run {run} back: {branch} is gone from the origin");
            let old = self.world.answers.staging;
            return Err(refused(text).hint(format!("git push origin {old}:refs/heads/{branch}")));
        };
        let (before, ours) = (self.world.answers.staging, merged.tip);
        let is_ours = now == ours || now == before;
        let holds_ours = || repository.contains(now, ours).unwrap_or(true);
        if !is_ours && !self.asked.past_later_runs && !holds_ours() {
            // The branch has none of the run's commits, so it is not changed.
            return Ok(());
        }
        if !is_ours {
            let commits = repository.commits_since(now, ours).unwrap_or_default();
            let line = |id: &str, author: &str, subject: &str| {
                format!("{} {subject} ({author})", short(id))
            };
            losses.commits =
                commits.iter().map(|one| line(&one.id, &one.author, &one.subject)).collect();
            if !self.asked.past_later_runs {
                let listed = losses.commits.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
                let text =
                    format!("cannot roll run {run} back: {branch} has later commits: {listed}");
                return Err(refused(text).hint(format!(
                    "to discard those commits: {} --past-later-runs",
                    run.rollback_command()
                )));
            }
            back.gives_up = Some(now.to_string());
        }
        let kept = repository.for_run(run.as_str())?.seen_backed_up_tip().await?;
        if now != before && kept != Some(before) {
            let text = format!(
                "cannot roll run {run} back: the backup of the old tip {} of {branch} is missing",
                short(before)
            );
            return Err(refused(text)
                .hint(format!("push it to refs/bcops/backup/{run} from a clone that has it")));
        }
        Ok(())
    }

    /// Checks that the earlier release is still known, and lists later releases.
    async fn code(&self, back: &mut WayBack, losses: &mut Losses) -> Result<(), CommandError> {
        if !self.is_pending("deploy") {
            return Ok(());
        }
        let (heroku, app) = (&self.world.heroku, self.world.destination.app.id());
        let before = self
            .asked
            .history
            .get(&RELEASE_BEFORE)
            .or_else(|| self.asked.history.get(&RELEASE_AT_START));
        if let Some(before) = &before {
            back.code = Some(way_back_in_words(self.world, before).await?);
        }
        let is_lost = before.is_some_and(|before| before.whole_commit().is_none())
            && back.code.as_ref().is_some_and(|code| code.starts_with("the code"));
        if let (true, Some(code)) = (is_lost, &back.code) {
            return Err(refused(format!("cannot roll run {} back: {code}", self.asked.run)));
        }
        let ours = self.asked.history.value("release").and_then(|seen| seen["version"].as_u64());
        let Some(ours) = ours else { return Ok(()) };
        let releases = heroku.newest_releases(app).await?;
        let later = releases.iter().filter(|release| release.version > ours);
        losses.releases =
            later.map(|one| format!("v{} {}", one.version, one.description)).collect();
        Ok(())
    }

    /// Checks that the old backup still exists, and compares it with the present database.
    async fn database(&self, back: &mut WayBack, losses: &mut Losses) -> Result<(), CommandError> {
        let steps = ["load", "restore"];
        let history = self.asked.history;
        let has_filled = steps.iter().any(|id| self.is_pending(id));
        let is_put_back = steps.iter().any(|id| history.step(id).is_undone());
        // The release phase of the new code may have migrated the old database.
        let has_migrated = self.is_pending("deploy") && history.value(BACKUP.name()).is_some();
        back.replaces_database = has_filled || (has_migrated && !is_put_back);
        if !back.replaces_database {
            return Ok(());
        }
        let backup = self.backup().await?;
        losses.backup = Some(backup.name.clone());
        let has_begun = steps.iter().any(|id| {
            let undo = history.step(id).undo;
            matches!(undo, UndoPhase::UnderWay | UndoPhase::Failed { .. })
        });
        let is_verified = !has_filled || history.step("verify").is_finished();
        // If a person has opened staging since, people use the present data.
        let is_open = self.world.closed(&Preset::default()).await?.is_none();
        back.captures = is_open || (is_verified && !has_begun);
        if !back.captures {
            let text = match has_begun {
                true => {
                    "the database is half restored; an earlier attempt has backed up the data \
                     before it"
                }
                false => "the rows in the database are not verified, so they are not backed up",
            };
            losses.remarks.push(text.to_owned());
            return Ok(());
        }
        let ended = self.asked.history.last_at.unwrap_or(Timestamp::UNIX_EPOCH);
        let age: Duration = Timestamp::now().duration_since(ended).try_into().unwrap_or_default();
        back.captures_again = age > PRESENT_FOR;
        if let Err(error) = self.compare(losses, &backup).await {
            let causes = error.causes().join(": ");
            losses.remarks.push(format!("cannot compare the database: {error}: {causes}"));
        }
        Ok(())
    }

    async fn backup(&self) -> Result<BackupTaken, CommandError> {
        let (run, owner) = (self.asked.run, self.world.destination_backups());
        let Some(backup) = self.asked.history.get(&BACKUP) else {
            let text = format!("cannot roll run {run} back: it made no backup of staging");
            return Err(refused(text).hint(format!(
                "bcops reset-{}   # loads staging again",
                self.world.destination.name
            )));
        };
        let transfers = self.world.heroku.transfers(owner).await?;
        let found = transfers.iter().find(|one| one.uuid == backup.uuid);
        let is_good = |one: &&crate::adapters::heroku::Transfer| {
            one.is_there() && one.state() == TransferState::Completed
        };
        if found.filter(is_good).is_some() {
            return Ok(backup);
        }
        let why = if found.is_some() { "is deleted or not complete" } else { "is gone" };
        let text = format!("cannot roll run {run} back: backup {} of {owner} {why}", backup.name);
        let error =
            refused(text).hint(format!("bcops backups list {}", self.world.destination.name));
        Err(match self.asked.history.rollback_has_begun() {
            true => error,
            false => error.hint(format!("to continue instead: {}", run.resume_command())),
        })
    }

    async fn compare(&self, losses: &mut Losses, backup: &BackupTaken) -> Result<(), CommandError> {
        let world = self.world;
        let session = world.connect_destination().await?;
        let reading = "SET default_transaction_read_only = on; SET statement_timeout = '120s'";
        session.batch_execute(reading).await.map_err(PostgresError::from)?;
        if let Some(ended) = self.asked.ended {
            let tables = ContentTables::from(&world.settings.reset);
            let users = &world.settings.local.users_table;
            losses.content = database::since(&session, ended, &tables, users).await?;
        }
        let now = counts::live(&session).await?;
        session.close().await;
        let stored = world.read_backup(backup.num, counts::stored).await?;
        losses.tables = TableLoss::of(&now, &stored);
        Ok(())
    }
}

fn is_pending(history: &History, id: &str) -> bool {
    let known = history.step(id);
    known.may_have_acted && !known.is_undone()
}

/// Whether a run has changed this app's staging and has not been rolled back.
fn has_changed(history: &History, app: &str) -> bool {
    let Some(started) = history.started.as_ref().filter(|started| started.target.name == app)
    else {
        return false;
    };
    let changing = started.steps.iter().filter(|step| step.kind.changes());
    changing.map(|step| step.id.as_str()).any(|id| is_pending(history, id))
        && history.standing != crate::runbook::Standing::RolledBack
}
