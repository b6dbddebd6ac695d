//! User accounts that exist on staging only, and which of them are put back.

use std::sync::Arc;

use serde_json::json;

use crate::reset::accounts;
use crate::reset::check::Look;
use crate::reset::values::ACCOUNTS_ONLY_HERE;
use crate::reset::world::World;
use crate::runbook::{Evidence, Outcome, StepContext, StepError, StepFuture, Table};
use crate::words;

use super::STAGE;
use super::content::not_known;

pub struct AccountsHere(pub Arc<World>);

impl Look for AccountsHere {
    const ID: &'static str = "accounts";
    const STAGE: &'static str = STAGE;

    fn describe(&self) -> String {
        format!("List accounts that only {} has", self.0.destination.name)
    }

    fn look<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let world = &*self.0;
            let comparing = async {
                let staging = world.connect_destination().await?;
                let production = world.connect_source().await?;
                let users = &world.settings.local.users_table;
                Ok(accounts::staging_only(&staging, &production, users).await?)
            };
            let found = match context.wait_for("nothing", comparing).await {
                Ok(found) => found,
                Err(StepError::Failed(error)) => return Ok(not_known(&error.to_string())),
                Err(other) => return Err(other),
            };
            let count = found.len() as u64;
            context.put(&ACCOUNTS_ONLY_HERE, &count)?;
            let chosen = &world.choices.recreate_users;
            let columns = ["user name", "e-mail", "superuser", "active", "last login", "put back"];
            let mut table = Table::new("Accounts on staging only", &columns);
            for account in &found {
                table = table.row(vec![
                    json!(account.username),
                    json!(account.email),
                    json!(account.is_superuser),
                    json!(account.is_active),
                    json!(account.last_login),
                    json!(chosen.contains(&account.username)),
                ]);
            }
            let summary = format!("{} on staging only", words::plural(count, "account"));
            let mut evidence = Evidence::of(summary)
                .fact("accounts on staging only", count)
                .fact("accounts to put back", chosen.len());
            if count > 0 {
                evidence = evidence.table(table.private());
            }
            Ok(Outcome::Done(evidence))
        })
    }
}
