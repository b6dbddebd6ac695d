//! Lists the indices of a cluster, and counts the documents of the site's.

use std::collections::BTreeMap;

use super::error::{is_of_the_whole_cluster, may_be_of_the_whole_cluster};
use super::naming::{Aliases, Naming};
use super::{Counts, SearchError};
use crate::adapters::elasticsearch::{Alias, Cluster, HealthStatus, IndexListing};
use crate::adapters::json_api::{ApiError, ErrorKind};
use crate::settings::{IndexRule, Search};

/// The result of counting an index.
#[derive(Debug)]
pub enum Count {
    Documents(u64),
    /// The index is closed, so it cannot be searched or counted.
    Closed,
    /// The index belongs to the cluster or to another site, so it is not counted.
    NotAsked,
    Failed(ApiError),
}

impl Count {
    pub fn documents(&self) -> Option<u64> {
        match self {
            Count::Documents(documents) => Some(*documents),
            Count::Closed | Count::NotAsked | Count::Failed(_) => None,
        }
    }

    fn is_slow(&self) -> bool {
        matches!(self, Count::Failed(error) if may_be_of_the_whole_cluster(error))
    }

    pub fn problem(&self) -> Option<String> {
        match self {
            Count::Failed(error) => Some(error.to_string()),
            Count::Documents(_) | Count::Closed | Count::NotAsked => None,
        }
    }
}

/// The indices of a cluster with their documents. Their roles are decided later.
pub struct Look {
    pub listings: Vec<(IndexListing, Count)>,
    pub(super) aliases: Aliases,
    /// The names that the site uses now.
    pub naming: Naming,
    /// Why the aliases of the indices are unknown.
    pub without_aliases: Option<String>,
}

impl Look {
    /// Reads the site's own indices, by their names or aliases. An index that cannot be counted
    /// does not fail the others. Only a cluster where nothing can be read is an error.
    pub async fn at(cluster: &Cluster, settings: &Search) -> Result<Look, SearchError> {
        let (aliases, without_aliases) = aliases(cluster).await?;
        let mut look = match cluster.indices().await {
            Ok(listed) => {
                let naming = Naming::seen(settings, &listed, &aliases);
                let mut look = Look { listings: Vec::new(), aliases, naming, without_aliases };
                look.count_listed(cluster, listed).await?;
                if look.without_aliases.is_some() {
                    look.ask_by_name(cluster).await?;
                }
                look
            }
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                let naming = named_by_asking(cluster, settings).await?;
                let mut look = Look { listings: Vec::new(), aliases, naming, without_aliases };
                look.ask_by_name(cluster).await?;
                let is_counted = |(_, count): &(_, Count)| count.documents().is_some();
                if !look.listings.iter().any(is_counted) {
                    return Err(error.into());
                }
                look.without_aliases.get_or_insert(error.to_string());
                look
            }
            Err(error) => return Err(error.into()),
        };
        look.refuse_a_slow_cluster()?;
        look.listings.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        Ok(look)
    }

    /// Counts the site's indices, those with earlier names included.
    async fn count_listed(
        &mut self,
        cluster: &Cluster,
        listed: Vec<IndexListing>,
    ) -> Result<(), SearchError> {
        for listing in listed {
            let count = match self.is_the_sites(&listing.name) {
                true if !listing.is_open() => Some(Count::Closed),
                true => count(cluster, &listing.name, listing.health).await?,
                false => Some(Count::NotAsked),
            };
            self.listings.extend(count.map(|count| (listing, count)));
        }
        Ok(())
    }

    /// Fails if every requested index was too slow or too busy. One slow index is a problem of that
    /// index; if all are slow, it is the cluster.
    fn refuse_a_slow_cluster(&mut self) -> Result<(), SearchError> {
        let is_asked = |count: &Count| matches!(count, Count::Documents(_) | Count::Failed(_));
        let asked = || self.listings.iter().map(|(_, count)| count).filter(|count| is_asked(count));
        if asked().next().is_none() || !asked().all(Count::is_slow) {
            return Ok(());
        }
        let counts = std::mem::take(&mut self.listings).into_iter().map(|(_, count)| count);
        let first = counts.into_iter().find_map(|count| match count {
            Count::Failed(error) => Some(error),
            _ => None,
        });
        first.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Counts the indices that the site needs and that were not listed by name. An alias is counted
    /// like an index.
    async fn ask_by_name(&mut self, cluster: &Cluster) -> Result<(), SearchError> {
        for rule in &self.naming.rules {
            if self.listings.iter().any(|(listing, _)| listing.name == rule.index) {
                continue;
            }
            if let Some(count) = count(cluster, &rule.index, None).await? {
                self.listings.push((IndexListing::named(&rule.index), count));
            }
        }
        Ok(())
    }

    /// Whether the index or one of its aliases has a name that the site uses, or has used.
    fn is_the_sites(&self, index: &str) -> bool {
        let is_ours = |name: &str| {
            self.naming.owns(name) || self.naming.is_earlier(name, &self.naming.tables())
        };
        !index.starts_with('.') && self.names(index).any(is_ours)
    }

    /// Primaries and replicas of every index.
    pub fn shards(&self) -> u64 {
        self.listings.iter().map(|(listing, _)| listing.shards()).sum()
    }

    /// Documents, by every name of each index.
    pub fn documents(&self) -> Counts {
        let mut counts = Counts::new();
        for (listing, count) in &self.listings {
            let Some(documents) = count.documents() else { continue };
            for name in self.names(&listing.name) {
                *counts.entry(name.to_owned()).or_default() += documents;
            }
        }
        counts
    }

    /// Why indices could not be counted, by every name of each index.
    pub fn problems(&self) -> BTreeMap<String, String> {
        let mut problems = BTreeMap::new();
        for (listing, count) in &self.listings {
            let Some(problem) = count.problem() else { continue };
            for name in self.names(&listing.name) {
                problems.insert(name.to_owned(), problem.clone());
            }
        }
        problems
    }

    /// The first of these reasons.
    pub fn into_failure(self) -> Option<ApiError> {
        self.listings.into_iter().find_map(|(_, count)| match count {
            Count::Failed(error) => Some(error),
            _ => None,
        })
    }

    /// The rules of the settings, and one rule for each other index with the site's prefix: the
    /// index holds the rows of the table that it is named after.
    pub fn rules(&self) -> Vec<IndexRule> {
        let mut rules = self.naming.rules.clone();
        for (listing, _) in &self.listings {
            for name in self.names(&listing.name) {
                let Some(table) = self.naming.table(name) else { continue };
                if rules.iter().all(|rule| rule.index != name) {
                    rules.push(IndexRule::for_table(&self.naming.prefix, table));
                }
            }
        }
        rules
    }

    /// The index's own name and its aliases.
    pub(super) fn names<'a>(&'a self, index: &'a str) -> impl Iterator<Item = &'a str> {
        let aliases = self.aliases.get(index).into_iter().flatten().map(String::as_str);
        std::iter::once(index).chain(aliases)
    }
}

/// The aliases by index, and why they are unknown if the login lacks permission to list them.
async fn aliases(cluster: &Cluster) -> Result<(Aliases, Option<String>), SearchError> {
    let mut aliases = Aliases::new();
    match cluster.aliases().await {
        Ok(found) => {
            for Alias { name, index } in found {
                aliases.entry(index).or_default().push(name);
            }
            Ok((aliases, None))
        }
        Err(error) if error.kind() == ErrorKind::Forbidden => {
            Ok((aliases, Some(error.to_string())))
        }
        Err(error) => Err(error.into()),
    }
}

/// The names for which the cluster has an index of pages, where the login may not list indices.
async fn named_by_asking(cluster: &Cluster, settings: &Search) -> Result<Naming, SearchError> {
    let mut candidates = Naming::candidates(settings);
    while candidates.len() > 1 {
        let found = candidates.first().map(Naming::pages).unwrap_or_default();
        if let Some(Count::Documents(_)) = count(cluster, &found, None).await? {
            break;
        }
        candidates.remove(0);
    }
    let last = candidates.into_iter().next();
    Ok(last.unwrap_or_else(|| Naming::seen(settings, &[], &Aliases::new())))
}

/// Counts one index. `None` if the index was deleted after it was listed.
async fn count(
    cluster: &Cluster,
    index: &str,
    health: Option<HealthStatus>,
) -> Result<Option<Count>, SearchError> {
    // A red index does not answer completely, so it is not asked twice.
    let counted = match health {
        Some(HealthStatus::Red) => cluster.count_once(index).await,
        _ => cluster.count(index).await,
    };
    match counted {
        Ok(documents) => Ok(Some(Count::Documents(documents))),
        Err(error) if error.is_not_found() => Ok(None),
        // If the whole cluster fails, that says nothing about this index.
        Err(error) if is_of_the_whole_cluster(&error) => Err(error.into()),
        Err(error) => Ok(Some(Count::Failed(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::elasticsearch::SEARCH;
    use crate::adapters::json_api::Reason;

    fn slow() -> Count {
        Count::Failed(ApiError {
            service: &SEARCH,
            what: "count".to_owned(),
            place: "a cluster".to_owned(),
            reason: Box::new(Reason::new(ErrorKind::Timeout, "60")),
        })
    }

    fn look(counts: Vec<Count>) -> Look {
        let listings = counts.into_iter().map(|count| (IndexListing::named("an index"), count));
        let listings = listings.collect();
        let naming = Naming { prefix: String::new(), is_configured: false, rules: Vec::new() };
        Look { listings, aliases: Aliases::new(), naming, without_aliases: None }
    }

    #[test]
    fn one_slow_index_is_not_the_whole_cluster() {
        assert!(look(vec![]).refuse_a_slow_cluster().is_ok());
        assert!(look(vec![slow(), Count::Documents(1)]).refuse_a_slow_cluster().is_ok());
        assert!(look(vec![Count::NotAsked, slow()]).refuse_a_slow_cluster().is_err());
        let mut one = look(vec![slow(), Count::Documents(1), Count::Closed]);
        assert!(one.refuse_a_slow_cluster().is_ok());
        assert_eq!(one.listings.len(), 3);
    }
}
