//! Puts back chosen accounts that existed only on staging, from staging's own backup. They are
//! never stored on this machine.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::failure::FailureKind;
use crate::reset::accounts::{self, StoredAccount};
use crate::reset::values::{ACCOUNTS_BACK, ACCOUNTS_STORED, BACKUP};
use crate::reset::world::Reset;
use crate::runbook::{Effect, Evidence, Outcome, Step, StepContext, StepError, StepResult};
use crate::words;

pub struct RecreateUsers;

fn wanted(world: &Reset) -> &[String] {
    &world.answers.recreate_users
}

async fn stored(world: &Reset, context: &StepContext) -> StepResult<Vec<StoredAccount>> {
    let wanted: BTreeSet<String> = wanted(world).iter().cloned().collect();
    let users = world.settings.local.users_table.clone();
    let read = move |bytes| accounts::stored::read(bytes, &wanted, &users);
    Ok(world.read_backup(context.need(&BACKUP)?.num, read).await?)
}

async fn missing(world: &Reset, context: &StepContext) -> StepResult<Vec<String>> {
    let session = world.connect_destination().await?;
    let wanted = context.need(&ACCOUNTS_STORED)?;
    let users = &world.settings.local.users_table;
    Ok(accounts::not_there(&session, &wanted, users).await?)
}

#[async_trait]
impl Step<Reset> for RecreateUsers {
    fn describe(&self, world: &Reset) -> String {
        match wanted(world).len() as u64 {
            0 => "Put back no accounts of staging".to_owned(),
            count => format!("Put back {} of staging", words::plural(count, "account")),
        }
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        match wanted(world).len() as u64 {
            0 => Vec::new(),
            count => {
                vec![Effect::new(format!("{} created again", words::plural(count, "account")))]
            }
        }
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        if wanted(world).is_empty() {
            return Ok(Outcome::skipped("no account was chosen"));
        }
        let stored = stored(world, context).await?;
        let gone = wanted(world)
            .iter()
            .filter(|name| !stored.iter().any(|account| account.username() == name.as_str()));
        for name in gone {
            context
                .warn(format!("the account {name} is not in staging's backup; it is not put back"));
        }
        let names: BTreeSet<String> =
            stored.iter().map(|account| account.username().to_owned()).collect();
        context.put(&ACCOUNTS_STORED, &names)?;
        let session = world.connect_destination().await?;
        let users = &world.settings.local.users_table;
        let back = accounts::put_back(&session, &stored, users).await?;
        for warning in &back.warnings {
            context.warn(warning.clone());
        }
        let count = (back.created.len() + back.already_there.len()) as u64;
        context.put(&ACCOUNTS_BACK, &count)?;
        let evidence = Evidence::of(format!("{} put back", words::plural(count, "account")))
            .fact("accounts put back", count);
        Ok(Outcome::Done(evidence))
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let missing = missing(world, context).await?;
        if missing.is_empty() {
            return Ok(Evidence::new().fact("accounts missing", 0));
        }
        let count = words::plural(missing.len() as u64, "account");
        Err(StepError::failed(FailureKind::RemoteJob, format!("{count} could not be put back")))
    }
}
