//! `--restore-via heroku`: the scrub in place, in one transaction that proves itself.

use std::sync::Arc;

use serde_json::json;

use crate::reset::world::World;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind, StepResult, Table,
    UndoWay,
};
use crate::scrub::live::{self, LiveReport};

use super::{POLICY, STAGE, dropped_members};

pub struct Scrub(pub Arc<World>);

impl Scrub {
    async fn scrub(&self, context: &StepContext) -> StepResult<LiveReport> {
        let session = self.0.connect_destination().await?;
        let (limits, reporter) = (live::Limits::default(), context.reporter());
        let manifest = &self.0.manifest;
        let scrubbing =
            async { Ok(live::scrub(&session, manifest, POLICY, &limits, &[], &reporter).await?) };
        // Until the commit nothing has happened, so that this may be dropped; the commit itself is
        // waited for.
        let scrubbed = context.wait_for("nothing: the server rolls it back", scrubbing).await?;
        Ok(scrubbed.commit(&session).await?)
    }
}

impl Step for Scrub {
    fn id(&self) -> &'static str {
        "scrub"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Destructive
    }

    fn describe(&self) -> String {
        format!("Scrub {} by the policy `{POLICY}`", self.0.database.attachment().addon_name)
    }

    fn effects(&self) -> Vec<Effect> {
        vec![Effect::new("personal data is deleted or rewritten in one transaction")]
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        // Scrubbing what is scrubbed changes nothing, and `verify` looks in any case.
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let report = self.0.in_quiet(context, self.scrub(context)).await?;
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
        })
    }

    fn verify<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Evidence> {
        // The step `verify` does this for both ways of restoring, with a session of its own.
        Box::pin(async { Ok(Evidence::new()) })
    }

    fn undo_way(&self) -> UndoWay {
        UndoWay::With("restore")
    }
}
