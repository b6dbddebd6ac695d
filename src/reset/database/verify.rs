//! Verifies the database independently: no rule has anything left to change, the audit finds no
//! personal data, and the rows are those that were loaded.

use async_trait::async_trait;

use crate::reset::values::LOADED;
use crate::reset::world::Reset;
use crate::restore::in_place;
use crate::runbook::{Check, Evidence, Outcome, StepContext, StepResult};
use crate::scrub::live::Limits;
use crate::words;

use super::POLICY;

pub struct Verify;

#[async_trait]
impl Check<Reset> for Verify {
    fn describe(&self, world: &Reset) -> String {
        format!("Audit {} for personal data", world.destination.database.attachment().addon_name)
    }

    async fn look(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let (world, limits) = (world, Limits::default());
        let expected = context.get(&LOADED)?.map(|loaded| loaded.by_table);
        let reporter = context.reporter();
        let looking = async {
            let url = &world.destination.url;
            let (manifest, rows) = (&world.manifest, expected.as_ref());
            Ok(in_place::verify(url, manifest, POLICY, rows, &limits, &reporter).await?)
        };
        let verified = context.wait_for("nothing", looking).await?;
        let (tables, rows) = (verified.rows.0.len() as u64, verified.rows.total());
        for table in &verified.not_looked_at {
            context.warn(format!("{table} was not audited: it belongs to an extension"));
        }
        let summary = format!(
            "No personal data found in {} of {}",
            words::plural(rows, "row"),
            words::plural(tables, "table")
        );
        Ok(Outcome::Done(
            Evidence::of(summary)
                .fact("tables audited", tables)
                .fact("rows audited", rows)
                .fact("policy", POLICY),
        ))
    }
}
