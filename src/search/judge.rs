//! Decides what each index of a cluster is for.

use std::collections::BTreeSet;

use super::Counts;
use super::look::{Count, Look};
use super::naming::Naming;
use crate::adapters::elasticsearch::{HealthStatus, IndexListing};
use crate::settings::{IndexRule, Rows};

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
    /// The index is the site's, and the site never searches in it again.
    LeftOver(LeftOver),
    /// The index seems unused, for this reason.
    Unused(&'static str),
}

/// Why an index is left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOver {
    /// Wagtail was building the index, and the site has no alias for it.
    UnfinishedRebuild,
    /// The site's release of Wagtail uses other names.
    EarlierName,
}

impl LeftOver {
    pub fn reason(self) -> &'static str {
        match self {
            LeftOver::UnfinishedRebuild => "left over from an unfinished rebuild",
            LeftOver::EarlierName => "left over from an earlier release of Wagtail",
        }
    }
}

impl IndexStatus {
    pub fn is_left_over(&self) -> bool {
        matches!(self.role, Role::LeftOver(_))
    }
}

impl Look {
    /// Decides what each index is for. `rows` is `None` if the database could not be read.
    pub fn judged(&self, rows: Option<&Counts>) -> Vec<IndexStatus> {
        let rules = self.rules();
        let tables: BTreeSet<&str> =
            self.naming.tables().into_iter().chain(self.tables(&rules, rows)).collect();
        let judge = |(listing, count): &(IndexListing, Count)| {
            let aliases = self.aliases.get(&listing.name).cloned().unwrap_or_default();
            let rule = self.rule_of(listing, &rules, rows);
            let rows_here = rule.and_then(|rule| rows?.get(&rule.index).copied());
            let role = match (self.left_over(&listing.name, &tables, rows), rule) {
                _ if listing.name.starts_with('.') => Role::System,
                (Some(_), _) if self.without_aliases.is_some() => {
                    Role::Unused("its aliases are not known")
                }
                (Some(why), _) => Role::LeftOver(why),
                (None, Some(rule))
                    if rule.rows.is_none() || rows.is_none() || rows_here.is_some() =>
                {
                    Role::InUse
                }
                (None, Some(_)) => Role::Unused("the database has no table for it"),
                (None, None) => Role::Unused("its name is not one of the site's"),
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

    /// The tables that the site has an index for.
    fn tables<'r>(
        &'r self,
        rules: &'r [IndexRule],
        rows: Option<&'r Counts>,
    ) -> impl Iterator<Item = &'r str> {
        let is_used =
            move |rule: &&IndexRule| rows.is_some_and(|all| all.contains_key(&rule.index));
        rules.iter().filter(is_used).filter_map(|rule| self.naming.table(&rule.index))
    }

    /// Why the site never searches in the index again: neither its name nor an alias is one that the
    /// site uses.
    fn left_over(
        &self,
        index: &str,
        tables: &BTreeSet<&str>,
        rows: Option<&Counts>,
    ) -> Option<LeftOver> {
        let has_rule = |name: &str| self.naming.rules.iter().any(|rule| rule.index == name);
        let is_known =
            |name: &str| has_rule(name) || rows.is_some_and(|all| all.contains_key(name));
        // Without a prefix, the names of an earlier release look like the site's as well.
        let is_used = |alias: &str| {
            is_known(alias) || (self.naming.owns(alias) && !self.naming.is_earlier(alias, tables))
        };
        let mut aliases = self.names(index).skip(1);
        if is_known(index) || aliases.any(is_used) {
            return None;
        }
        if self.naming.is_earlier(index, tables) {
            return Some(LeftOver::EarlierName);
        }
        let whole = Naming::rebuilt(index)?;
        let is_listed = |(listing, _): &(IndexListing, Count)| {
            self.names(&listing.name).any(|name| name == whole)
        };
        let is_the_sites =
            is_known(whole) || (self.naming.owns(whole) && self.listings.iter().any(is_listed));
        is_the_sites.then_some(LeftOver::UnfinishedRebuild)
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
}
