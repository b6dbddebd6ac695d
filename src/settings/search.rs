//! Reads the names of the site's search indices, and the rows that each must hold.
//!
//! Wagtail puts the objects of a model into an index `PREFIX` + `APP_MODEL`, and a model's rows are in
//! the table `APP_MODEL` unless its author changes that. The prefix depends on Wagtail's release. For pages, every row is indexed, including
//! the root, drafts and aliases: a search filters by the field for live pages.

use std::fmt;
use std::num::NonZeroU64;

use super::keys::{self, FromText};
use super::layers::{Layers, Origin};
use super::{SettingsError, Sourced};

/// The prefix of Wagtail 7.0 and 7.1. The built-in rules are written with it.
pub const EARLIEST_PREFIX: &str = "wagtail__";

/// The settings of the site's search.
#[derive(Debug, Clone)]
pub struct Search {
    /// The prefix of the names of the site's indices, if the configuration gives one. Otherwise the
    /// names in the cluster show the prefix.
    pub index_prefix: Option<String>,
    /// The indices that must exist if their tables exist: the built-in ones, replaced by those of
    /// the configuration with the same name. Without a configured prefix, names that begin with
    /// `wagtail__` stand for the same indices of every release.
    pub indices: Vec<IndexRule>,
    /// The command that rebuilds the indices, for a shell on a dyno.
    pub reindex_command: Sourced<String>,
    /// How many shards the plan allows, if configured.
    pub shard_limit: Option<Sourced<u64>>,
}

/// The rows for which an index must hold documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRule {
    pub index: String,
    /// `None`: the index is known, and its count is not compared.
    pub rows: Option<Rows>,
}

/// The rows of a table: all, or those with a certain value in a boolean column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    pub table: String,
    pub column: Option<(String, bool)>,
}

impl Rows {
    pub fn of(table: &str) -> Rows {
        Rows { table: table.to_owned(), column: None }
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            None => f.write_str(&self.table),
            Some((column, true)) => write!(f, "{} where {column}", self.table),
            Some((column, false)) => write!(f, "{} where not {column}", self.table),
        }
    }
}

impl Search {
    pub(super) fn read(layers: &Layers) -> Result<Search, SettingsError> {
        let index_prefix = keys::SEARCH_INDEX_PREFIX.given(layers)?.map(|given| given.value);
        let shard_limit = keys::SEARCH_SHARD_LIMIT.given(layers)?;
        Ok(Search {
            indices: indices(layers, index_prefix.as_deref())?,
            index_prefix,
            reindex_command: keys::SEARCH_REINDEX_COMMAND.read(layers)?.map(|command| command.0),
            shard_limit: shard_limit.map(|found| found.map(NonZeroU64::get)),
        })
    }
}

/// The file's list is added to the built-in one, if that is inherited.
fn indices(layers: &Layers, prefix: Option<&str>) -> Result<Vec<IndexRule>, SettingsError> {
    let mut indices: Vec<IndexRule> = Vec::new();
    if layers.inherits() {
        indices = keys::SEARCH_INDICES.value(&Layers::built_in()?)?;
    }
    if let Some(prefix) = prefix {
        for rule in &mut indices {
            if let Some(rest) = rule.index.strip_prefix(EARLIEST_PREFIX) {
                rule.index = format!("{prefix}{rest}");
            }
        }
    }
    let given = keys::SEARCH_INDICES.given(layers)?;
    let given = given.filter(|given| given.origin != Origin::BuiltIn);
    for rule in given.map(|given| given.value).unwrap_or_default() {
        indices.retain(|known| known.index != rule.index);
        indices.push(rule);
    }
    Ok(indices)
}

impl FromText for IndexRule {
    fn from_text(text: &str) -> Result<Self, String> {
        IndexRule::parse(text).ok_or_else(|| {
            "write INDEX = TABLE, INDEX = TABLE where COLUMN, INDEX = TABLE where not COLUMN, or INDEX = ignore".to_owned()
        })
    }
}

impl IndexRule {
    /// The rule for an index with its table's name.
    pub fn for_table(prefix: &str, table: &str) -> IndexRule {
        IndexRule { index: format!("{prefix}{table}"), rows: Some(Rows::of(table)) }
    }

    /// `INDEX = TABLE`, `INDEX = TABLE where COLUMN`, `INDEX = TABLE where not COLUMN`, or
    /// `INDEX = ignore`.
    fn parse(text: &str) -> Option<IndexRule> {
        let (index, rows) = text.split_once('=')?;
        let index = index.trim();
        if index.is_empty()
            || index.contains(|c: char| c.is_whitespace() || "*,/\\\"<>|#?".contains(c))
        {
            return None;
        }
        let words: Vec<&str> = rows.split_whitespace().collect();
        let rows = match words.as_slice() {
            ["ignore"] => None,
            [table] => Some(Rows::of(name(table)?)),
            [table, "where", column] => Some(with_column(table, column, true)?),
            [table, "where", "not", column] => Some(with_column(table, column, false)?),
            _ => return None,
        };
        Some(IndexRule { index: index.to_owned(), rows })
    }
}

fn with_column(table: &str, column: &str, value: bool) -> Option<Rows> {
    Some(Rows { table: name(table)?.to_owned(), column: Some((name(column)?.to_owned(), value)) })
}

/// A name of a table or column. It is still quoted wherever it becomes SQL.
fn name(text: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    (text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(plain))
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_the_rows_that_count() {
        let rows = |text: &str| IndexRule::parse(text).map(|rule| (rule.index, rule.rows));
        assert_eq!(rows("site__a_b = a_b"), Some(("site__a_b".into(), Some(Rows::of("a_b")))));
        assert_eq!(rows("old=ignore"), Some(("old".into(), None)));
        let rule = IndexRule::parse("x = public.a_b where not draft").and_then(|rule| rule.rows);
        assert_eq!(
            rule.map(|rows| rows.to_string()).as_deref(),
            Some("public.a_b where not draft")
        );
        for wrong in [
            "x",
            "= a",
            "x =",
            "x* = a",
            "x = a; DROP TABLE a",
            "x = a where b = c",
            "x = a where b\"",
            "x = 1a",
        ] {
            assert_eq!(rows(wrong), None, "{wrong}");
        }
    }
}
