//! Lists content that exists only on staging, which a reset removes.

use async_trait::async_trait;
use serde_json::json;

use crate::reset::content::{self, ContentTables};
use crate::reset::values::CONTENT_ONLY_HERE;
use crate::reset::world::Reset;
use crate::runbook::{Check, Evidence, Outcome, StepContext, StepError, StepResult, Table};
use crate::words;

pub struct ContentHere;

/// How many items the report lists. All of them are in staging's backup.
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
        // The editors' names stay in the journal, because people pass the report on.
        let mut editors = Table::new("Editors of this content", &["address", "editor"]).private();
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
            0 => "No content on staging only".to_owned(),
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

/// The comparison only helps to answer a question that is already answered, so a failure does not
/// stop the run.
pub(super) fn not_known(why: &str) -> Outcome {
    Outcome::Warning {
        text: format!("cannot compare the two databases: {why}"),
        evidence: Evidence::of("Not compared"),
    }
}
