//! Content that exists on staging only, which a reset loses.

use async_trait::async_trait;
use serde_json::json;

use crate::reset::content::{self, ContentTables};
use crate::reset::values::CONTENT_ONLY_HERE;
use crate::reset::world::Reset;
use crate::runbook::{Check, Evidence, Outcome, StepContext, StepError, StepResult, Table};
use crate::words;

pub struct ContentHere;

/// How many are listed in the report; all of them are in staging's backup.
const LISTED: usize = 500;

#[async_trait]
impl Check<Reset> for ContentHere {
    fn describe(&self, world: &Reset) -> String {
        format!("List content that only {} has", world.destination.name)
    }

    async fn look(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let comparing = async {
            let staging = world.connect_destination().await?;
            let production = world.connect_source().await?;
            let settings = &world.settings;
            let tables = ContentTables::from(&settings.reset);
            let users = &settings.local.users_table;
            Ok(content::staging_only(&staging, &production, &tables, users).await?)
        };
        let found = match context.wait_for("nothing", comparing).await {
            Ok(found) => found,
            Err(StepError::Failed(error)) => return Ok(not_known(&error.to_string())),
            Err(other) => return Err(other),
        };
        let count = found.items.len() as u64;
        context.put(&CONTENT_ONLY_HERE, &count)?;
        let columns = ["kind", "title", "changed", "address"];
        let mut table = Table::new("Content on staging only", &columns);
        // Who edited it stays in the journal; the report is passed on.
        let mut editors = Table::new("Its editors", &["address", "editor"]).private();
        for item in found.items.iter().take(LISTED) {
            table = table.row(vec![
                json!(item.kind),
                json!(item.title),
                json!(item.changed),
                json!(item.address),
            ]);
            editors = editors.row(vec![json!(item.address), json!(item.editor)]);
        }
        let summary = match count {
            0 => "Nothing is on staging only".to_owned(),
            _ => format!("{} of content on staging only", words::plural(count, "item")),
        };
        let mut evidence = Evidence::of(summary).fact("content on staging only", count);
        if count > 0 {
            evidence = evidence.table(table).table(editors);
        }
        for remark in &found.remarks {
            context.note(remark.clone());
        }
        Ok(Outcome::Done(evidence))
    }
}

/// It helps to answer a question that was answered already, so that it does not stop the run.
pub(super) fn not_known(why: &str) -> Outcome {
    Outcome::Warning {
        text: format!("the two databases were not compared: {why}"),
        evidence: Evidence::of("Not compared"),
    }
}
