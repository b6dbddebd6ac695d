//! How the site's search is.

use super::look::Look;
use super::rows::{count_rows, make_read_only};
use super::{Difference, IndexStatus, SearchError, ShardLimit, compare, shard_limit};
use crate::adapters::elasticsearch::{Cluster, Health, HealthStatus, Info};
use crate::adapters::postgres::Session;
use crate::settings::Search;

/// Everything that was seen of a cluster.
#[derive(Debug, Clone)]
pub struct Status {
    pub info: Info,
    pub health: Health,
    /// Primaries and replicas of every index.
    pub shards: u64,
    pub shard_limit: Option<ShardLimit>,
    /// In the order of their names.
    pub indices: Vec<IndexStatus>,
    /// Empty where the database could not be read.
    pub differences: Vec<Difference>,
}

impl Status {
    /// Whether searches fail or find nothing.
    pub fn is_broken(&self) -> bool {
        self.health.status == HealthStatus::Red
            || self.differences.iter().any(Difference::lacks_all)
    }

    pub fn is_over_limit(&self) -> bool {
        self.shard_limit.as_ref().is_some_and(|limit| self.shards > limit.shards)
    }
}

/// Looks at a cluster and, where there is a session, at the rows that it should hold. The session
/// becomes one that cannot write. `plan` is the add-on's.
pub async fn status(
    cluster: &Cluster,
    session: Option<&Session>,
    settings: &Search,
    plan: Option<&str>,
) -> Result<Status, SearchError> {
    let info = cluster.info().await?;
    let health = cluster.health().await?;
    let look = Look::at(cluster).await?;
    let rows = match session {
        None => None,
        Some(session) => {
            make_read_only(session).await?;
            Some(count_rows(session, &look.rules(settings)).await?)
        }
    };
    Ok(Status {
        info,
        health,
        shards: look.shards(),
        shard_limit: shard_limit(settings, plan),
        indices: look.judged(settings, rows.as_ref()),
        differences: rows.map(|rows| compare(&look.documents(), &rows)).unwrap_or_default(),
    })
}
