//! Rebuilds the search index from the new database, and counts both.

use async_trait::async_trait;
use serde_json::json;

use crate::adapters::elasticsearch::{Cluster, ClusterAddress, DestinationCluster};
use crate::reset::values::SEARCH_UNCOUNTED;
use crate::reset::world::Reset;
use crate::runbook::{Effect, Evidence, Outcome, Step, StepContext, StepResult, Table};
use crate::search::{Remaining, SearchError, Site, reindex, remaining};
use crate::words;

pub struct Search;

fn cluster(world: &Reset) -> StepResult<Option<DestinationCluster>> {
    let destination = &world.destination;
    let variable = &destination.search_url_variable;
    let url = destination.variables.get(variable).filter(|url| !url.expose().trim().is_empty());
    let Some(url) = url else { return Ok(None) };
    let address = ClusterAddress::parse(url, variable)?;
    Ok(Some(DestinationCluster::new(
        Cluster::new(address, world.settings.network_timeout)?,
        destination,
    )))
}

/// Decides what a failed rebuild means. A site with its old indices still finds old content, which
/// is a warning. If an index is missing or empty, search finds nothing, and staging stays closed.
async fn without_rebuild(
    world: &Reset,
    context: &StepContext,
    site: &Site<'_>,
    failed: SearchError,
) -> StepResult<Outcome> {
    let counted = tokio::select! {
        counted = remaining(site) => counted,
        () = context.interrupt().wanted() => Err(SearchError::Interrupted),
    };
    let remaining = match counted {
        Ok(remaining) => remaining,
        Err(SearchError::Interrupted) => return Err(SearchError::Interrupted.into()),
        Err(error) => {
            context.warn(format!("cannot count the search index: {error}"));
            return Err(failed.into());
        }
    };
    if !remaining.lacking.is_empty() {
        for difference in &remaining.lacking {
            context.warn(difference.to_string());
        }
        return Err(failed.into());
    }
    let Remaining { stale, uncounted, .. } = &remaining;
    // The message to colleagues must not say that the index is new.
    context.put(&SEARCH_UNCOUNTED, &(*uncounted as u64).max(1))?;
    let mut text = format!(
        "{failed}; search is out of date until this succeeds: bcops search reindex {}",
        world.destination.name
    );
    for difference in stale {
        text.push_str(&format!("; {difference}"));
    }
    let evidence = Evidence::of("Search index: not rebuilt")
        .fact("indices out of date", stale.len() as u64)
        .fact("indices not counted", *uncounted as u64);
    Ok(Outcome::Warning { text, evidence })
}

#[async_trait]
impl Step<Reset> for Search {
    fn describe(&self, world: &Reset) -> String {
        format!("Rebuild the search index of {} and count it", world.destination.name)
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        let command = &world.settings.search.reindex_command.value;
        vec![
            Effect::new(format!("`{command}` replaces every index of the site")),
            Effect::new(
                "indices with names of an earlier release of Wagtail are deleted".to_owned(),
            ),
        ]
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let Some(cluster) = cluster(world)? else {
            let reason =
                format!("{} has no {}", world.app_name(), world.destination.search_url_variable);
            return Ok(Outcome::skipped(reason));
        };
        let site = Site {
            heroku: &world.heroku,
            app: &world.destination.app,
            cluster: &cluster,
            database: &world.destination.url,
            settings: &world.settings.search,
            silence: world.settings.commands.silence,
        };
        // A dyno of a killed attempt would fill the index at the same time.
        let command = &world.settings.search.reindex_command.value;
        world.stop_lost_dynos(context, command).await?;
        let reporter = context.reporter();
        let done = match reindex(&site, &*reporter, context.interrupt().wanted()).await {
            Err(error @ SearchError::CommandFailed { .. }) => {
                return without_rebuild(world, context, &site, error).await;
            }
            done => done?,
        };
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
            .fact("left-over indices deleted", done.cleared.deleted.len() as u64)
            .table(table);
        let kept: Vec<&str> = done.cleared.kept.iter().map(|(name, _)| name.as_str()).collect();
        if !kept.is_empty() {
            let text = format!(
                "left-over indices keep old content, personal data included: {}; delete them: \
                 bcops search reindex {}",
                kept.join(", "),
                world.destination.name
            );
            return Ok(Outcome::Warning { text, evidence });
        }
        Ok(Outcome::Done(evidence))
    }

    async fn verify(&self, _world: &Reset, _context: &StepContext) -> StepResult<Evidence> {
        // The act read the counts from the cluster and the database after the command had ended.
        Ok(Evidence::new())
    }
}
