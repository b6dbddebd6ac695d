//! Lists the source's backups, and checks that the chosen one still exists.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use crate::adapters::heroku::{Transfer, TransferState};
use crate::failure::{CommandError, FailureKind};
use crate::reset::world::Reset;
use crate::runbook::{Check, Evidence, Outcome, StepContext, StepError, StepResult, Table};
use crate::words;

pub struct ChooseBackup;

/// How many backups the evidence lists.
const LISTED: usize = 10;

#[async_trait]
impl Check<Reset> for ChooseBackup {
    fn describe(&self, world: &Reset) -> String {
        format!("Use backup {} of {}", world.answers.backup.name, world.source.app.value)
    }

    async fn look(&self, world: &Reset, _context: &StepContext) -> StepResult<Outcome> {
        let found = world.heroku.backups_of(&world.source.database).await?;
        let mut backups: Vec<Transfer> = found.all.into_iter().map(|(one, _)| one).collect();
        backups.retain(Transfer::is_backup);
        backups.sort_by_key(|one| std::cmp::Reverse(one.num));
        let pinned = &world.answers.backup.id;
        let chosen = backups.iter().find(|one| one.uuid == *pinned);
        let usable = chosen.filter(|one| one.state() == TransferState::Completed);
        let chosen = usable.ok_or_else(|| world.backup_is_gone(&world.source.app.value))?;
        let age = age(chosen);
        let mut table = Table::new("Backups of the source", &["backup", "state", "finished"]);
        for one in backups.iter().take(LISTED) {
            let finished = one.finished_at.map(|at| format!("{at:.0}"));
            let state = format!("{:?}", one.state()).to_lowercase();
            table = table.row(vec![json!(one.name()), json!(state), json!(finished)]);
        }
        let evidence = Evidence::of(format!(
            "Backup {} of {}{}",
            chosen.name(),
            world.source.app.value,
            age.as_ref().map_or_else(String::new, |age| format!(", {age} old"))
        ))
        .fact("backup", chosen.name())
        .fact("bytes of that backup", json!(chosen.processed_bytes))
        .fact("backup finished at", json!(chosen.finished_at.map(|at| format!("{at:.0}"))))
        .table(table);
        Ok(Outcome::Done(evidence))
    }
}

impl Reset {
    /// Reads the chosen backup again, by its identifier.
    pub(super) async fn check_backup_of_plan(&self, owner: &str) -> StepResult<Transfer> {
        let transfers = self.heroku.transfers(owner).await?;
        let pinned = &self.answers.backup.id;
        let found = transfers.into_iter().find(|one| one.uuid == *pinned && one.is_backup());
        found
            .filter(|one| one.state() == TransferState::Completed)
            .ok_or_else(|| self.backup_is_gone(owner))
    }

    fn backup_is_gone(&self, owner: &str) -> StepError {
        let text = format!("backup {} of {owner} no longer exists", self.answers.backup.name);
        CommandError::new(FailureKind::Refused, text)
            .hint(format!("bcops backups list {}", self.source.name))
            .hint("roll back, then begin a new run with another backup")
            .into()
    }
}

fn age(backup: &Transfer) -> Option<String> {
    let age = Timestamp::now().duration_since(backup.finished_at?);
    Some(words::duration(std::time::Duration::try_from(age).unwrap_or_default()))
}
