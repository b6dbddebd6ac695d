//! Which indices a cluster has, and what each is for.

use std::collections::BTreeMap;

use super::{Counts, SearchError};
use crate::adapters::elasticsearch::{Alias, Cluster, HealthStatus, IndexListing};
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
    /// `None` of a closed index, in which nothing can be counted or found.
    pub documents: Option<u64>,
    /// The name that the site knows it by: its own, or an alias.
    pub known_as: Option<String>,
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

impl Role {
    /// The name in `--json`.
    pub fn name(&self) -> &'static str {
        match self {
            Role::InUse => "in-use",
            Role::System => "system",
            Role::Unused(_) => "unused",
        }
    }
}

/// The indices of a cluster with their documents; what they are for is not known yet.
pub struct Look {
    pub listings: Vec<(IndexListing, Option<u64>)>,
    aliases: BTreeMap<String, Vec<String>>,
}

impl Look {
    pub async fn at(cluster: &Cluster) -> Result<Look, SearchError> {
        let mut aliases: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for Alias { name, index } in cluster.aliases().await? {
            aliases.entry(index).or_default().push(name);
        }
        let mut listings = Vec::new();
        for listing in cluster.indices().await? {
            let documents = match listing.is_open() {
                true => match cluster.count(&listing.name).await {
                    Ok(documents) => Some(documents),
                    // It went away after it was listed.
                    Err(error) if error.is_not_found() => continue,
                    Err(error) => return Err(error.into()),
                },
                false => None,
            };
            listings.push((listing, documents));
        }
        listings.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        Ok(Look { listings, aliases })
    }

    /// Primaries and replicas of every index.
    pub fn shards(&self) -> u64 {
        self.listings.iter().map(|(listing, _)| listing.shards()).sum()
    }

    /// Documents by every name that an index has.
    pub fn documents(&self) -> Counts {
        let mut counts = Counts::new();
        for (listing, documents) in &self.listings {
            let Some(documents) = documents else { continue };
            for name in self.names(&listing.name) {
                *counts.entry(name.to_owned()).or_default() += documents;
            }
        }
        counts
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
        let judge = |(listing, documents): &(IndexListing, Option<u64>)| {
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
                documents: *documents,
                known_as: known.filter(|_| role == Role::InUse).map(str::to_owned),
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

/// Whether it is a known index with characters of chance after its name. With an alias it would
/// have been known by that.
fn is_left_over(name: &str, settings: &Search, rows: Option<&Counts>) -> bool {
    let Some((known, chance)) = name.rsplit_once('_') else { return false };
    let is_known = settings.indices.iter().any(|rule| rule.index == known)
        || rows.is_some_and(|rows| rows.contains_key(known));
    is_known && chance.len() == CHANCE && chance.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
