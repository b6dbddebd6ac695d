//! Lists user accounts that exist only on staging, and which of them are put back.

use async_trait::async_trait;
use serde_json::json;

use crate::reset::accounts;
use crate::reset::values::ACCOUNTS_ONLY_HERE;
use crate::reset::world::Reset;
use crate::runbook::{Check, Evidence, Outcome, StepContext, StepError, StepResult, Table};
use crate::words;

use super::content::not_known;

pub struct AccountsHere;

#[async_trait]
impl Check<Reset> for AccountsHere {
    fn describe(&self, world: &Reset) -> String {
        format!("List accounts that only {} has", world.destination.name)
    }

    async fn look(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
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
        let chosen = &world.answers.recreate_users;
        let columns = ["username", "e-mail", "superuser", "active", "last login", "put back"];
        let table =
            Table::new("Accounts on staging only", &columns).rows(found.iter().map(|account| {
                vec![
                    json!(account.username),
                    json!(account.email),
                    json!(account.is_superuser),
                    json!(account.is_active),
                    json!(account.last_login),
                    json!(chosen.contains(&account.username)),
                ]
            }));
        let summary = format!("{} on staging only", words::plural(count, "account"));
        let mut evidence = Evidence::of(summary)
            .fact("accounts on staging only", count)
            .fact("accounts to put back", chosen.len());
        if count > 0 {
            evidence = evidence.table(table.private());
        }
        Ok(Outcome::Done(evidence))
    }
}
