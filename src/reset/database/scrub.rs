//! Scrubs the database in place for `--restore-via heroku`, in one transaction that is verified
//! before its commit.

use async_trait::async_trait;
use serde_json::json;

use crate::reset::world::Reset;
use crate::runbook::{Effect, Evidence, Outcome, Step, StepContext, StepResult, Table};
use crate::scrub::live::{self, LiveReport};

use super::{POLICY, dropped_members};

/// The step. Repeating it changes nothing, and the step `verify` checks the result in any case.
pub struct Scrub;

async fn scrub(world: &Reset, context: &StepContext) -> StepResult<LiveReport> {
    let session = world.connect_destination().await?;
    let (limits, reporter) = (live::Limits::default(), context.reporter());
    let manifest = &world.manifest;
    let scrubbing =
        async { Ok(live::scrub(&session, manifest, POLICY, &limits, &[], &reporter).await?) };
    // Before the commit nothing has changed, so this can be dropped. The commit itself is awaited.
    let scrubbed = context.wait_for("nothing; the server rolls the scrub back", scrubbing).await?;
    Ok(scrubbed.commit(&session).await?)
}

#[async_trait]
impl Step<Reset> for Scrub {
    fn describe(&self, world: &Reset) -> String {
        format!(
            "Scrub {} by the policy `{POLICY}`",
            world.destination.database.attachment().addon_name
        )
    }

    fn effects(&self, _world: &Reset) -> Vec<Effect> {
        vec![Effect::new("personal data is deleted or rewritten in one transaction")]
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let report = world.in_quiet(context, scrub(world, context)).await?;
        for warning in &report.warnings {
            context.warn(warning.clone());
        }
        let columns = ["table", "rule", "deleted", "set", "edited"];
        let mut table = Table::new("Rows changed by the scrub", &columns);
        let (mut deleted, mut changed) = (0, 0);
        for one in &report.tables {
            deleted += one.deleted;
            changed += one.set + one.edited;
            table = table.row(vec![
                json!(one.table.to_string()),
                json!(one.rule),
                json!(one.deleted),
                json!(one.set),
                json!(one.edited),
            ]);
        }
        let members: Vec<_> =
            report.tables.iter().flat_map(|one| one.dropped_members.clone()).collect();
        let summary = format!("Scrubbed: {deleted} rows deleted, {changed} rewritten");
        Ok(Outcome::Done(
            Evidence::of(summary)
                .fact("rows deleted", deleted)
                .fact("rows rewritten", changed)
                .table(table)
                .table(dropped_members(&members)),
        ))
    }

    async fn verify(&self, _world: &Reset, _context: &StepContext) -> StepResult<Evidence> {
        // The step `verify` does this for both ways of restoring, in its own session.
        Ok(Evidence::new())
    }
}
