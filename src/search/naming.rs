//! Decides what the names of the site's indices are. Releases of Wagtail name them differently.
//!
//! | release | prefix |
//! |---|---|
//! | 7.0, 7.1 | `INDEX` (default `wagtail`) and two underscores |
//! | 7.2 to 7.4 | `INDEX_PREFIX`, else `INDEX` and one underscore, else none |
//! | 8.0 | `INDEX_PREFIX`, else none |
//!
//! From 7.2 on, the name is by default an alias. The index behind it has seven more characters. A
//! rebuild makes a second index and then moves the alias. Source: `modelsearch.backends` 1.1 to 1.3
//! and `wagtail.search.backends`, read in November 2026.

use std::collections::{BTreeMap, BTreeSet};

use crate::adapters::elasticsearch::IndexListing;
use crate::settings::{EARLIEST_PREFIX as EARLIEST, IndexRule, Search};

/// The usual prefixes, in the order of the releases.
const USUAL: [&str; 3] = [EARLIEST, "wagtail_", ""];

/// The table of pages. Every site has an index for it.
const PAGES: &str = "wagtailcore_page";

/// How many random characters Wagtail adds to the name of an index that it builds beside another.
const CHANCE: usize = 7;

/// Aliases by index.
pub type Aliases = BTreeMap<String, Vec<String>>;

/// The names that the site uses now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    pub prefix: String,
    /// Whether the configuration gives the prefix.
    pub is_configured: bool,
    /// The rules of the settings, by the names that the site uses now.
    pub rules: Vec<IndexRule>,
}

impl Naming {
    /// The configured names, else those of the newest index of a table that the site is known to
    /// index: the last rebuild used them.
    pub fn seen(settings: &Search, listings: &[IndexListing], aliases: &Aliases) -> Naming {
        if let Some(prefix) = &settings.index_prefix {
            return Naming::of(settings, prefix, true);
        }
        let mut tables: BTreeSet<&str> = BTreeSet::from([PAGES]);
        tables.extend(settings.indices.iter().filter_map(|rule| rule.index.strip_prefix(EARLIEST)));
        let newest = |prefix: &str| {
            let is_named =
                |name: &str| rest(name, prefix).is_some_and(|rest| is_one_of(&tables, rest));
            let known = listings.iter().filter(|listing| {
                let others = aliases.get(&listing.name).into_iter().flatten();
                std::iter::once(&listing.name).chain(others).any(|name| is_named(name))
            });
            known.map(|listing| listing.created.unwrap_or(0)).max()
        };
        // Of two that are equally new, the later release's are used.
        let used = USUAL.into_iter().filter_map(|prefix| Some((newest(prefix)?, prefix)));
        let used = used.max_by_key(|(created, _)| *created).map_or(EARLIEST, |(_, prefix)| prefix);
        Naming::of(settings, used, false)
    }

    /// The names to ask for where the login may not list indices, the latest release's first.
    pub fn candidates(settings: &Search) -> Vec<Naming> {
        match &settings.index_prefix {
            Some(prefix) => vec![Naming::of(settings, prefix, true)],
            None => USUAL.iter().rev().map(|prefix| Naming::of(settings, prefix, false)).collect(),
        }
    }

    fn of(settings: &Search, prefix: &str, is_configured: bool) -> Naming {
        let mut rules = settings.indices.clone();
        if !is_configured {
            for rule in &mut rules {
                if let Some(table) = rule.index.strip_prefix(EARLIEST) {
                    rule.index = format!("{prefix}{table}");
                }
            }
        }
        Naming { prefix: prefix.to_owned(), is_configured, rules }
    }

    /// The tables of the rules, and of pages.
    pub fn tables(&self) -> BTreeSet<&str> {
        let of_rules = self.rules.iter().filter_map(|rule| self.table(&rule.index));
        std::iter::once(PAGES).chain(of_rules).collect()
    }

    /// The name of the index or alias of pages.
    pub fn pages(&self) -> String {
        format!("{}{PAGES}", self.prefix)
    }

    /// Whether Wagtail 7.0 or 7.1 has made these names.
    pub fn is_earliest(&self) -> bool {
        self.prefix == EARLIEST && !self.is_configured
    }

    /// The part of a name that is the table's, if the name can be one of the site's.
    pub fn table<'n>(&self, name: &'n str) -> Option<&'n str> {
        rest(name, &self.prefix)
    }

    /// Whether a name can be one of the site's.
    pub fn owns(&self, name: &str) -> bool {
        self.table(name).is_some() || self.rules.iter().any(|rule| rule.index == name)
    }

    /// The name without the random characters of a rebuild, if the name has them.
    pub fn rebuilt(name: &str) -> Option<&str> {
        let whole = without_chance(name);
        (whole != name).then_some(whole)
    }

    /// Whether the name is one that an earlier release of Wagtail gave to an index of one of the
    /// site's `tables`.
    pub fn is_earlier(&self, name: &str, tables: &BTreeSet<&str>) -> bool {
        let is_named = |other: &str| {
            rest(name, other).is_some_and(|rest| other == EARLIEST || is_one_of(tables, rest))
        };
        self.rules.iter().all(|rule| rule.index != name)
            && self.earlier().iter().any(|other| is_named(other))
    }

    /// The prefixes that earlier releases make of the same settings. A configured prefix is exact, so
    /// only the two underscores of Wagtail 7.1 are known.
    fn earlier(&self) -> Vec<String> {
        if !self.is_configured {
            let earlier = USUAL.into_iter().take_while(|other| *other != self.prefix);
            return earlier.map(str::to_owned).collect();
        }
        let has_one = self.prefix.ends_with('_') && !self.prefix.ends_with("__");
        has_one.then(|| format!("{}_", self.prefix)).into_iter().collect()
    }
}

/// The name after a prefix, if the rest can be `app_model`. The usual prefixes begin alike.
fn rest<'n>(name: &'n str, prefix: &str) -> Option<&'n str> {
    let rest = name.strip_prefix(prefix)?;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_table = rest.starts_with(|c: char| c.is_ascii_lowercase());
    // Without a prefix every name could be the site's.
    let is_doubtful = prefix.is_empty()
        && (name.starts_with(EARLIEST) || !rest.contains('_') || !rest.bytes().all(is_plain));
    (is_table && !is_doubtful).then_some(rest)
}

/// Whether the name, with or without the random characters of a rebuild, is one of the tables.
fn is_one_of(tables: &BTreeSet<&str>, name: &str) -> bool {
    tables.contains(name) || tables.contains(without_chance(name))
}

fn without_chance(name: &str) -> &str {
    let is_chance = |end: &str| {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        end.len() == CHANCE && end.bytes().all(is_plain)
    };
    match name.rsplit_once('_') {
        // `app_model` itself may end in seven characters.
        Some((whole, end)) if is_chance(end) && whole.contains('_') => whole,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Sourced;

    fn settings(prefix: Option<&str>) -> Search {
        let rule = |table| IndexRule::for_table(EARLIEST, table);
        Search {
            index_prefix: prefix.map(str::to_owned),
            indices: vec![rule(PAGES), rule("blog_post")],
            reindex_command: Sourced {
                value: "update_index".to_owned(),
                origin: crate::settings::Origin::BuiltIn,
            },
            shard_limit: None,
        }
    }

    /// Indices with the time of their creation.
    fn prefix_of(prefix: Option<&str>, indices: &[(&str, u64)]) -> String {
        let listing = |(name, created): &(&str, u64)| IndexListing {
            created: Some(*created),
            ..IndexListing::named(name)
        };
        let listings: Vec<IndexListing> = indices.iter().map(listing).collect();
        Naming::seen(&settings(prefix), &listings, &Aliases::new()).prefix
    }

    #[test]
    fn the_newest_index_decides_the_names() {
        assert_eq!(prefix_of(None, &[]), EARLIEST);
        assert_eq!(prefix_of(None, &[("wagtail__wagtailcore_page", 1)]), EARLIEST);
        let upgraded = [("wagtail__wagtailcore_page", 1), ("wagtail_wagtailcore_page_ab12cd3", 2)];
        assert_eq!(prefix_of(None, &upgraded), "wagtail_");
        assert_eq!(prefix_of(None, &[upgraded[0], ("blog_post_ab12cd3", 2)]), "");
        // After a downgrade the earlier names are used again.
        assert_eq!(prefix_of(None, &[("wagtail__blog_post", 3), upgraded[1]]), EARLIEST);
        // Names of others decide nothing, and the configuration decides everything.
        assert_eq!(prefix_of(None, &[upgraded[0], ("shop_item", 9)]), EARLIEST);
        assert_eq!(prefix_of(Some("site_"), &upgraded), "site_");
    }

    #[test]
    fn the_rules_follow_the_names() {
        let listing = IndexListing::named("wagtailcore_page");
        let naming = Naming::seen(&settings(None), &[listing], &Aliases::new());
        let names: Vec<&str> = naming.rules.iter().map(|rule| rule.index.as_str()).collect();
        assert_eq!(names, ["wagtailcore_page", "blog_post"]);
    }

    #[test]
    fn only_the_sites_tables_have_earlier_names() {
        let now = |prefix| Naming::of(&settings(None), prefix, false);
        let tables = BTreeSet::from([PAGES, "blog_post"]);
        let earlier = |prefix, name| now(prefix).is_earlier(name, &tables);
        assert!(earlier("wagtail_", "wagtail__wagtailcore_page"));
        assert!(earlier("wagtail_", "wagtail__gone_model"));
        assert!(earlier("", "wagtail_blog_post_ab12cd3"));
        // A later name may be another site's.
        assert!(!earlier("wagtail__", "blog_post") && !earlier("wagtail_", "blog_post"));
        assert!(!earlier("wagtail_", "wagtail_blog_post"));
        assert!(!earlier("", "wagtail_localize_translation"));
        assert!(!earlier("", "shop_blog_post"));
        let own = Naming::of(&settings(None), "site_", true);
        assert!(own.is_earlier("site__blog_post", &tables));
        assert!(!own.is_earlier("wagtail__blog_post", &tables) && !own.owns("site__blog_post"));
    }

    #[test]
    fn random_characters_are_not_a_models_name() {
        assert_eq!(Naming::rebuilt("blog_post_ab12cd3"), Some("blog_post"));
        for name in ["blog_article", "wagtailcore_page", "blog_post_AB12CD3", "blog_post_ab12cd34"]
        {
            assert_eq!(Naming::rebuilt(name), None, "{name}");
        }
    }
}
