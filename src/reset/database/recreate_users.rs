//! Puts chosen accounts of staging alone back, from staging's own backup: nothing of them rests on
//! this machine in between.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use crate::failure::{CommandError, FailureKind};
use crate::reset::accounts::{self, StoredAccount};
use crate::reset::values::{ACCOUNTS_BACK, ACCOUNTS_STORED, BACKUP};
use crate::reset::world::World;
use crate::restore::OpenBackup;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepError, StepFuture, StepKind,
    StepResult, UndoWay,
};
use crate::words;

use super::STAGE;

pub struct RecreateUsers {
    pub world: Arc<World>,
    /// The step that puts the whole database back.
    pub undone_with: &'static str,
}

impl RecreateUsers {
    fn wanted(&self) -> &[String] {
        &self.world.choices.recreate_users
    }

    async fn stored(&self, context: &StepContext) -> StepResult<Vec<StoredAccount>> {
        let reader = self.open_backup(context).await?;
        let wanted: BTreeSet<String> = self.wanted().iter().cloned().collect();
        let users = self.world.settings.local.users_table.clone();
        let reading =
            tokio::task::spawn_blocking(move || accounts::stored::read(reader, &wanted, &users));
        let ended =
            |_| CommandError::new(FailureKind::Unexpected, "the reading of the backup ended early");
        Ok(reading.await.map_err(ended)??)
    }

    async fn open_backup(&self, context: &StepContext) -> StepResult<Box<dyn Read + Send>> {
        let number = context.need(&BACKUP)?.num;
        let owner = self.world.destination_backups();
        Ok(OpenBackup::download(&self.world.heroku, owner, number).await?.bytes)
    }

    async fn missing(&self, context: &StepContext) -> StepResult<Vec<String>> {
        let session = self.world.connect_destination().await?;
        let wanted = context.need(&ACCOUNTS_STORED)?;
        let users = &self.world.settings.local.users_table;
        Ok(accounts::not_there(&session, &wanted, users).await?)
    }
}

impl Step for RecreateUsers {
    fn id(&self) -> &'static str {
        "recreate-users"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Reversible
    }

    fn describe(&self) -> String {
        match self.wanted().len() as u64 {
            0 => "Put no accounts of staging back".to_owned(),
            count => format!("Put {} of staging back", words::plural(count, "account")),
        }
    }

    fn effects(&self) -> Vec<Effect> {
        match self.wanted().len() as u64 {
            0 => Vec::new(),
            count => vec![Effect::new(format!("{} made again", words::plural(count, "account")))],
        }
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            if self.wanted().is_empty() {
                let reason = "no account was chosen".to_owned();
                return Ok(Outcome::Skipped { reason, evidence: Evidence::new() });
            }
            let stored = self.stored(context).await?;
            let gone = self
                .wanted()
                .iter()
                .filter(|name| !stored.iter().any(|account| account.username() == name.as_str()));
            for name in gone {
                context.warn(format!("the account {name} is not in staging's backup"));
            }
            let names: BTreeSet<String> =
                stored.iter().map(|account| account.username().to_owned()).collect();
            context.put(&ACCOUNTS_STORED, &names)?;
            let session = self.world.connect_destination().await?;
            let users = &self.world.settings.local.users_table;
            let back = accounts::put_back(&session, &stored, users).await?;
            for warning in &back.warnings {
                context.warn(warning.clone());
            }
            let count = (back.created.len() + back.already_there.len()) as u64;
            context.put(&ACCOUNTS_BACK, &count)?;
            let evidence = Evidence::of(format!("{} put back", words::plural(count, "account")))
                .fact("accounts put back", count);
            Ok(Outcome::Done(evidence))
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let missing = self.missing(context).await?;
            if missing.is_empty() {
                return Ok(Evidence::new().fact("accounts missing", 0));
            }
            let count = words::plural(missing.len() as u64, "account");
            Err(StepError::failed(FailureKind::RemoteJob, format!("{count} could not be put back")))
        })
    }

    fn undo_way(&self) -> UndoWay {
        UndoWay::With(self.undone_with)
    }
}
