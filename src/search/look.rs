//! Lists the indices of a cluster, counts their documents, and decides what each is for.

use std::collections::BTreeMap;

use super::error::{is_of_the_whole_cluster, may_be_of_the_whole_cluster};
use super::{Counts, SearchError};
use crate::adapters::elasticsearch::{Alias, Cluster, HealthStatus, IndexListing};
use crate::adapters::json_api::{ApiError, ErrorKind};
use crate::settings::{IndexRule, Rows, Search};

/// The number of random characters that Wagtail adds to the name of an index that it builds beside
/// the old one. When the index is complete, Wagtail makes an alias for it.
const CHANCE: usize = 7;

/// The state of one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexStatus {
    pub name: String,
    pub aliases: Vec<String>,
    pub health: Option<HealthStatus>,
    pub bytes: Option<u64>,
    pub shards: u64,
    /// `None` if the index is closed, does not belong to the site, or cannot be counted.
    pub documents: Option<u64>,
    /// Why the index cannot be counted.
    pub problem: Option<String>,
    pub rule: Option<Rows>,
    /// Rows in the database, if its table exists.
    pub rows: Option<u64>,
    pub role: Role,
}

/// What an index is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The site searches in this index.
    InUse,
    /// The index belongs to the cluster itself.
    System,
    /// The index seems unused, for this reason.
    Unused(&'static str),
}

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
    fn documents(&self) -> Option<u64> {
        match self {
            Count::Documents(documents) => Some(*documents),
            Count::Closed | Count::NotAsked | Count::Failed(_) => None,
        }
    }

    fn is_slow(&self) -> bool {
        matches!(self, Count::Failed(error) if may_be_of_the_whole_cluster(error))
    }

    fn problem(&self) -> Option<String> {
        match self {
            Count::Failed(error) => Some(error.to_string()),
            Count::Documents(_) | Count::Closed | Count::NotAsked => None,
        }
    }
}

/// The indices of a cluster with their documents. Their roles are decided later.
pub struct Look {
    pub listings: Vec<(IndexListing, Count)>,
    aliases: BTreeMap<String, Vec<String>>,
    /// Why the aliases of the indices are unknown.
    pub without_aliases: Option<String>,
}

impl Look {
    /// Reads the site's own indices, by their names or aliases. An index that cannot be counted
    /// does not fail the others. Only a cluster where nothing can be read is an error.
    pub async fn at(cluster: &Cluster, settings: &Search) -> Result<Look, SearchError> {
        let (aliases, without_aliases) = aliases(cluster).await?;
        let mut look = Look { listings: Vec::new(), aliases, without_aliases };
        match cluster.indices().await {
            Ok(listed) => {
                for listing in listed {
                    let count = match look.is_the_sites(&listing.name, settings) {
                        true if !listing.is_open() => Some(Count::Closed),
                        true => count(cluster, &listing.name, listing.health).await?,
                        false => Some(Count::NotAsked),
                    };
                    look.listings.extend(count.map(|count| (listing, count)));
                }
                if look.without_aliases.is_some() {
                    look.ask_by_name(cluster, settings).await?;
                }
            }
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                look.ask_by_name(cluster, settings).await?;
                let is_counted = |(_, count): &(_, Count)| count.documents().is_some();
                if !look.listings.iter().any(is_counted) {
                    return Err(error.into());
                }
                look.without_aliases.get_or_insert(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
        look.refuse_a_slow_cluster()?;
        look.listings.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        Ok(look)
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
    async fn ask_by_name(
        &mut self,
        cluster: &Cluster,
        settings: &Search,
    ) -> Result<(), SearchError> {
        for rule in &settings.indices {
            if self.listings.iter().any(|(listing, _)| listing.name == rule.index) {
                continue;
            }
            if let Some(count) = count(cluster, &rule.index, None).await? {
                self.listings.push((IndexListing::named(&rule.index), count));
            }
        }
        Ok(())
    }

    /// Whether the site may search in this index: the index or one of its aliases has a name of the
    /// site.
    fn is_the_sites(&self, index: &str, settings: &Search) -> bool {
        !index.starts_with('.')
            && self.names(index).any(|name| {
                name.starts_with(&settings.index_prefix)
                    || settings.indices.iter().any(|rule| rule.index == name)
            })
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
    pub fn rules(&self, settings: &Search) -> Vec<IndexRule> {
        let mut rules = settings.indices.clone();
        for (listing, _) in &self.listings {
            for name in self.names(&listing.name) {
                let Some(table) = name.strip_prefix(&settings.index_prefix) else { continue };
                if !table.is_empty() && rules.iter().all(|rule| rule.index != name) {
                    rules.push(IndexRule::for_table(&settings.index_prefix, table));
                }
            }
        }
        rules
    }

    /// Decides what each index is for. `rows` is `None` if the database could not be read.
    pub fn judged(&self, settings: &Search, rows: Option<&Counts>) -> Vec<IndexStatus> {
        let rules = self.rules(settings);
        let judge = |(listing, count): &(IndexListing, Count)| {
            let aliases = self.aliases.get(&listing.name).cloned().unwrap_or_default();
            let rule = self.rule_of(listing, &rules, rows);
            let known = rule.map(|rule| rule.index.as_str());
            let rows_here = known.and_then(|name| rows?.get(name).copied());
            let role = match rule {
                _ if listing.name.starts_with('.') => Role::System,
                Some(rule) if rule.rows.is_none() || rows.is_none() || rows_here.is_some() => {
                    Role::InUse
                }
                _ if is_left_over(&listing.name, settings, rows) => {
                    Role::Unused("left over from an unfinished rebuild")
                }
                Some(_) => Role::Unused("the database has no table for it"),
                None => Role::Unused("its name is not one of the site's"),
            };
            IndexStatus {
                name: listing.name.clone(),
                aliases,
                health: listing.health,
                bytes: listing.bytes,
                shards: listing.shards(),
                documents: count.documents(),
                problem: count.problem(),
                rule: rule.and_then(|rule| rule.rows.clone()),
                rows: rows_here,
                role,
            }
        };
        self.listings.iter().map(judge).collect()
    }

    /// The rule that fits one of the index's names. If several fit, a rule whose table exists wins.
    fn rule_of<'r>(
        &self,
        listing: &IndexListing,
        rules: &'r [IndexRule],
        rows: Option<&Counts>,
    ) -> Option<&'r IndexRule> {
        let fitting = || {
            self.names(&listing.name)
                .filter_map(|name| rules.iter().find(|rule| rule.index == name))
        };
        let is_counted =
            |rule: &&IndexRule| rows.is_some_and(|rows| rows.contains_key(&rule.index));
        fitting().find(is_counted).or_else(|| fitting().next())
    }

    /// The index's own name and its aliases.
    fn names<'a>(&'a self, index: &'a str) -> impl Iterator<Item = &'a str> {
        let aliases = self.aliases.get(index).into_iter().flatten().map(String::as_str);
        std::iter::once(index).chain(aliases)
    }
}

type Aliases = BTreeMap<String, Vec<String>>;

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

/// Whether the name is a known index followed by random characters. A complete index would have an
/// alias.
fn is_left_over(name: &str, settings: &Search, rows: Option<&Counts>) -> bool {
    let Some((known, chance)) = name.rsplit_once('_') else { return false };
    let is_known = settings.indices.iter().any(|rule| rule.index == known)
        || rows.is_some_and(|rows| rows.contains_key(known));
    is_known && chance.len() == CHANCE && chance.bytes().all(|byte| byte.is_ascii_alphanumeric())
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
        Look { listings, aliases: BTreeMap::new(), without_aliases: None }
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
