//! Rewrites Wagtail's Site records from production's host names to staging's, in one transaction
//! and before any process of the site runs. With production's host names, publishing a page on
//! staging would purge production's pages from Cloudflare.

use async_trait::async_trait;
use serde_json::json;

use crate::reset::sites::{self, Change, HostRules};
use crate::reset::values::{SITE_CHANGES, SITES_BEFORE, SITES_OF_SOURCE};
use crate::reset::world::Reset;
use crate::runbook::{Effect, Evidence, Outcome, Step, StepContext, StepResult, Table};
use crate::words;

pub struct Sites;

async fn changes(world: &Reset, context: &StepContext) -> StepResult<Vec<Change>> {
    if let Some(decided) = context.get(&SITE_CHANGES)? {
        return Ok(decided);
    }
    let session = world.connect_destination().await?;
    let now = sites::read(&session).await?;
    let before = context.get(&SITES_BEFORE)?.unwrap_or_default();
    let production = context.get(&SITES_OF_SOURCE)?.unwrap_or_default();
    let settings = &world.settings;
    let protected = settings.environments.values().filter(|one| one.protected);
    let rules = HostRules::new(&settings.reset.hosts, &world.destination, protected, &production)?;
    let changes = sites::plan(&now, &before, &rules)?;
    context.put(&SITE_CHANGES, &changes)?;
    Ok(changes)
}

#[async_trait]
impl Step<Reset> for Sites {
    fn describe(&self, world: &Reset) -> String {
        format!("Give the Site records the hosts of {}", world.destination.name)
    }

    fn effects(&self, _world: &Reset) -> Vec<Effect> {
        vec![Effect::known_after("host names of Site records are rewritten", "migrate")]
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let changes = changes(world, context).await?;
        let session = world.connect_destination().await?;
        sites::rewrite(&session, &changes).await?;
        let mut table = Table::new("Site records", &["record", "was", "is", "why"]);
        for change in &changes {
            if let Some(warning) = &change.warning {
                context.warn(warning.clone());
            }
            table = table.row(vec![
                json!(change.id),
                json!(change.from.to_string()),
                json!(change.to.to_string()),
                json!(change.reason),
            ]);
        }
        let count = changes.iter().filter(|change| change.changes_anything()).count() as u64;
        let summary = format!("{} rewritten", words::plural(count, "Site record"));
        let evidence = Evidence::of(summary).fact("site records", count);
        Ok(Outcome::Done(if count > 0 { evidence.table(table) } else { evidence }))
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let changes = changes(world, context).await?;
        let session = world.connect_destination().await?;
        sites::verify(&session, &changes).await?;
        Ok(Evidence::new())
    }
}
