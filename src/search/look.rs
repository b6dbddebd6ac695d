//! Which indices a cluster has, and what each is for.

use std::collections::BTreeMap;

use super::error::{is_of_the_whole_cluster, may_be_of_the_whole_cluster};
use super::{Counts, SearchError};
use crate::adapters::elasticsearch::{Alias, Cluster, HealthStatus, IndexListing};
use crate::adapters::json_api::{ApiError, ErrorKind};
use crate::settings::{IndexRule, Rows, Search};

/// Wagtail gives an index that is built beside the old one a name with so many characters of
/// chance, and makes an alias for it when it is done.
const CHANCE: usize = 7;

/// One index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexStatus {
    pub name: String,
    pub aliases: Vec<String>,
    pub health: Option<HealthStatus>,
    pub bytes: Option<u64>,
    pub shards: u64,
    /// `None` of a closed index, of one that is not the site's, and of one that cannot be counted.
    pub documents: Option<u64>,
    /// Why it cannot be counted.
    pub problem: Option<String>,
    pub rule: Option<Rows>,
    /// Of the database, where its table is there.
    pub rows: Option<u64>,
    pub role: Role,
}

/// What an index is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The site searches in it.
    InUse,
    /// The cluster's own.
    System,
    /// Nobody seems to use it; why that is thought.
    Unused(&'static str),
}

/// What came of counting an index.
#[derive(Debug)]
pub enum Count {
    Documents(u64),
    /// Nothing can be counted or found in it.
    Closed,
    /// The cluster's own or somebody else's, which is not looked at.
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

/// The indices of a cluster with their documents; what they are for is not known yet.
pub struct Look {
    pub listings: Vec<(IndexListing, Count)>,
    aliases: BTreeMap<String, Vec<String>>,
    /// Why the other names of indices are not known.
    pub without_aliases: Option<String>,
}

impl Look {
    /// Looks at the site's own indices, by their names or their aliases. An index that cannot be
    /// counted is one index: only a cluster that lets nothing be seen is an error.
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

    /// An error where every index that was asked for was too slow or too busy: one is a matter of that
    /// index, all of them are a matter of the cluster.
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

    /// Asks for the indices that the site has to have and that were not listed under their names: an
    /// alias is counted like an index.
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

    /// Whether the site may search in it: it, or an alias of it, has a name of the site's.
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

    /// Documents by every name that an index has.
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

    /// Why an index could not be counted, by every name that it has.
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

    /// The first of those reasons.
    pub fn into_failure(self) -> Option<ApiError> {
        self.listings.into_iter().find_map(|(_, count)| match count {
            Count::Failed(error) => Some(error),
            _ => None,
        })
    }

    /// The rules of the settings, and one for each other index that bears the site's prefix: that
    /// of the table with its name.
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

    /// What each index is for. `rows` is `None` where the database could not be read.
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

    /// The rule that fits one of the index's names. Of several that one counts whose table is there.
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

/// The aliases by index, and why they are not known where the login may not list them.
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

/// Counts one index. `None` where it went away after it was listed.
async fn count(
    cluster: &Cluster,
    index: &str,
    health: Option<HealthStatus>,
) -> Result<Option<Count>, SearchError> {
    // Of a red index it is known that some of it does not answer.
    let counted = match health {
        Some(HealthStatus::Red) => cluster.count_once(index).await,
        _ => cluster.count(index).await,
    };
    match counted {
        Ok(documents) => Ok(Some(Count::Documents(documents))),
        Err(error) if error.is_not_found() => Ok(None),
        // A cluster that has gone says nothing of one index.
        Err(error) if is_of_the_whole_cluster(&error) => Err(error.into()),
        Err(error) => Ok(Some(Count::Failed(error))),
    }
}

/// Whether it is a known index with characters of chance after its name. With an alias it would
/// have been known by that.
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
