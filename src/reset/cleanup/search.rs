//! The search index, built anew from the new database and counted against it.

use std::sync::Arc;

use serde_json::json;

use crate::adapters::elasticsearch::{Cluster, ClusterAddress, DestinationCluster};
use crate::reset::values::SEARCH_UNCOUNTED;
use crate::reset::world::{Surroundings, World};
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind, StepResult, Table,
    UndoWay,
};
use crate::search::{Site, reindex};
use crate::words;

use super::STAGE;

pub struct Search(pub Arc<World>);

impl Search {
    fn cluster(&self) -> StepResult<Option<DestinationCluster>> {
        let Surroundings { destination, destination_vars, .. } = &self.0.surroundings;
        let variable = &destination.search_url_variable;
        let url = destination_vars.get(variable).filter(|url| !url.expose().trim().is_empty());
        let Some(url) = url else { return Ok(None) };
        let address = ClusterAddress::parse(url, variable)?;
        Ok(Some(DestinationCluster::new(
            Cluster::new(address, self.0.settings.network_timeout)?,
            destination,
        )))
    }
}

impl Step for Search {
    fn id(&self) -> &'static str {
        "search"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Reversible
    }

    fn describe(&self) -> String {
        format!("Rebuild the search index of {} and count it", self.0.destination.name)
    }

    fn effects(&self) -> Vec<Effect> {
        let command = &self.0.settings.search.reindex_command.value;
        vec![Effect::new(format!("`{command}` replaces every index of the site"))]
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let world = &*self.0;
            let Some(cluster) = self.cluster()? else {
                let reason = format!(
                    "{} has no {}",
                    world.app.name(),
                    world.destination.search_url_variable
                );
                return Ok(Outcome::Skipped { reason, evidence: Evidence::new() });
            };
            let site = Site {
                heroku: &world.heroku,
                app: &world.app,
                cluster: &cluster,
                database: &world.destination_url,
                settings: &world.settings.search,
                silence: world.settings.commands.silence,
            };
            // One of an attempt that was killed would fill the index beside this one.
            let command = &world.settings.search.reindex_command.value;
            world.stop_lost_dynos(context, command).await?;
            let reporter = context.reporter();
            let done = reindex(&site, &*reporter, context.interrupt().wanted()).await?;
            context.put(&SEARCH_UNCOUNTED, &(done.uncounted.len() as u64))?;
            let mut table = Table::new("Search indices", &["index", "documents", "rows"]);
            let mut documents = 0;
            for one in &done.indices {
                documents += one.documents;
                table = table.row(vec![json!(one.index), json!(one.documents), json!(one.rows)]);
            }
            let summary = format!("Search index: {}", words::plural(documents, "document"));
            let evidence = Evidence::of(summary)
                .fact("documents", documents)
                .fact("indices not counted", done.uncounted.len() as u64)
                .table(table);
            Ok(Outcome::Done(evidence))
        })
    }

    fn verify<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Evidence> {
        // The counts were read from the cluster and the database after the command had ended.
        Box::pin(async { Ok(Evidence::new()) })
    }

    fn undo_way(&self) -> UndoWay {
        UndoWay::Nothing
    }
}
