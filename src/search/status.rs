//! Reads the state of the site's search cluster.

use super::look::Look;
use super::plans::shards_of_rebuild;
use super::rows::{count_rows, is_of_wagtail_7_4, make_read_only};
use super::{Counts, Difference, IndexStatus, Role, SearchError, ShardLimit, compare, shard_limit};
use crate::adapters::elasticsearch::{Cluster, Health, HealthStatus, Info};
use crate::adapters::postgres::Session;
use crate::settings::Search;

/// The state of a cluster.
#[derive(Debug, Clone)]
pub struct Status {
    pub info: Info,
    pub health: Health,
    /// Primaries and replicas of every index.
    pub shards: u64,
    pub shard_limit: Option<ShardLimit>,
    /// The most shards during the next rebuild.
    pub shards_of_rebuild: u64,
    /// The prefix of the site's names, as configured or as seen in the cluster.
    pub index_prefix: String,
    /// Whether the names are of Wagtail 7.1, although the database is of 7.4 or newer.
    pub has_earlier_names: bool,
    /// In the order of their names.
    pub indices: Vec<IndexStatus>,
    /// Empty if the database could not be read.
    pub differences: Vec<Difference>,
    /// Why the aliases of the indices are unknown.
    pub without_aliases: Option<String>,
}

impl Status {
    /// Whether searches fail, find nothing, or cannot be checked.
    pub fn is_broken(&self) -> bool {
        self.is_red()
            || self.without_aliases.is_some()
            || self.indices.iter().any(|index| index.problem.is_some() && !index.is_left_over())
            || self.differences.iter().any(Difference::lacks_all)
    }

    /// Whether one of the site's own indices is red. The cluster's health is that of its worst
    /// index, which may belong to another site.
    fn is_red(&self) -> bool {
        let own = || self.indices.iter().filter(|index| index.role == Role::InUse);
        let is_well = |index: &IndexStatus| !matches!(index.health, None | Some(HealthStatus::Red));
        self.health.status == HealthStatus::Red && (own().next().is_none() || !own().all(is_well))
    }

    pub fn is_over_limit(&self) -> bool {
        self.shard_limit.as_ref().is_some_and(|limit| self.shards > limit.shards)
    }

    /// Whether a rebuild needs more shards than the plan allows.
    pub fn has_no_room(&self) -> bool {
        self.shard_limit.as_ref().is_some_and(|limit| self.shards_of_rebuild > limit.shards)
    }

    /// The names of the indices that the site never searches in again.
    pub fn left_over(&self) -> Vec<&str> {
        let left = self.indices.iter().filter(|index| index.is_left_over());
        left.map(|index| index.name.as_str()).collect()
    }
}

/// Reads a cluster's state and, with a session, compares it with the rows of the database. The
/// session becomes read-only. `plan` is the add-on's plan.
pub async fn status(
    cluster: &Cluster,
    session: Option<&Session>,
    settings: &Search,
    plan: Option<&str>,
) -> Result<Status, SearchError> {
    let info = cluster.info().await?;
    let health = cluster.health().await?;
    let look = Look::at(cluster, settings).await?;
    let (mut rows, mut is_newer) = (None, false);
    if let Some(session) = session {
        make_read_only(session).await?;
        rows = Some(count_rows(session, &look.rules()).await?);
        is_newer = is_of_wagtail_7_4(session).await?;
    }
    // An index that cannot be counted is shown with its problem, not as missing.
    let problems = look.problems();
    let rows = rows.map(|all| {
        let counted = all.iter().filter(|(name, _)| !problems.contains_key(*name));
        (counted.map(|(name, rows)| (name.clone(), *rows)).collect(), all)
    });
    let (compared, rows): (Option<Counts>, Option<Counts>) = rows.unzip();
    let indices = look.judged(rows.as_ref());
    Ok(Status {
        info,
        health,
        shards: look.shards(),
        shard_limit: shard_limit(settings, plan),
        shards_of_rebuild: shards_of_rebuild(look.shards(), &indices, &look.naming, is_newer),
        index_prefix: look.naming.prefix.clone(),
        has_earlier_names: is_newer && look.naming.is_earliest() && !look.listings.is_empty(),
        indices,
        differences: compared.map(|rows| compare(&look.documents(), &rows)).unwrap_or_default(),
        without_aliases: look.without_aliases,
    })
}
