//! Records the state before anything is changed: staging's sites and hosts, and production's hosts.

use async_trait::async_trait;
use serde_json::json;

use crate::reset::sites;
use crate::reset::sites_answer::SiteStates;
use crate::reset::values::{SITES_BEFORE, SITES_OF_SOURCE};
use crate::reset::world::Reset;
use crate::runbook::{Check, Evidence, Outcome, StepContext, StepResult, Table};
use crate::words;

pub struct StateBefore;

#[async_trait]
impl Check<Reset> for StateBefore {
    fn describe(&self, world: &Reset) -> String {
        format!("Check the sites of {}", world.destination.name)
    }

    async fn look(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let records = async {
            let session = world.connect_destination().await?;
            Ok::<_, crate::runbook::StepError>(sites::read(&session).await?)
        };
        // A half-loaded database has no Site records, and is about to be replaced.
        let records = records.await.unwrap_or_default();
        let of_source = async {
            let session = world.connect_source().await?;
            Ok::<_, crate::runbook::StepError>(sites::read(&session).await?)
        };
        let of_source = of_source.await.unwrap_or_default();
        context.put_first(&SITES_BEFORE, records.clone())?;
        context.put_first(&SITES_OF_SOURCE, of_source)?;
        let looking = world.look_before(context);
        let SiteStates { asked, down, .. } = context.wait_for("nothing", looking).await?;
        let asked = asked.len();
        let mut table = Table::new("Site records before", &["host", "port", "name"]);
        for record in &records {
            let name = json!(record.site_name);
            table = table.row(vec![json!(record.hostname), json!(record.port), name]);
        }
        let answering = (asked - down.len()) as u64;
        let summary = format!("{} of {asked} answering", words::plural(answering, "site"));
        let mut evidence = Evidence::of(summary).fact("sites answering before", answering);
        if !records.is_empty() {
            evidence = evidence.table(table);
        }
        if down.is_empty() {
            return Ok(Outcome::Done(evidence));
        }
        let problems: Vec<String> =
            down.iter().map(|one| format!("{}: {}", one.url, one.problem)).collect();
        Ok(Outcome::Warning { text: format!("before the run, {}", problems.join("; ")), evidence })
    }
}
