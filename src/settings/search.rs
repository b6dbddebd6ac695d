//! What is known of the site's search indices: their names, and which rows each has to hold.
//!
//! Wagtail puts the objects of a model into an index `PREFIX__APP_MODEL`, and a model's rows are in
//! the table `APP_MODEL` unless its author says otherwise. Of pages every row is indexed, the root,
//! drafts and aliases included: whether a page is live is a field that a search filters by.

use std::fmt;

use super::layers::{Layers, Origin, RawValue};
use super::{SettingsError, Sourced};

/// Wagtail's own name for `INDEX`, and the two underscores that follow it.
const PREFIX: &str = "wagtail__";

const REINDEX_COMMAND: &str = "python manage.py update_index";

/// How the site's search is set up.
#[derive(Debug, Clone)]
pub struct Search {
    /// What the names of the site's indices begin with.
    pub index_prefix: String,
    /// The indices that have to be there, as far as their tables are: the built-in ones, and those
    /// of the configuration in the place of their namesakes.
    pub indices: Vec<IndexRule>,
    /// The command that builds the indices anew, for a shell on a dyno.
    pub reindex_command: Sourced<String>,
    /// How many shards the plan allows, where somebody has written it down.
    pub shard_limit: Option<Sourced<u64>>,
}

/// Which rows an index has to hold a document for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRule {
    pub index: String,
    /// `None`: the index is known, and nothing is compared.
    pub rows: Option<Rows>,
}

/// The rows of a table, all of them or those with a certain value in a column of truth values.
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
    pub(super) fn build(layers: &Layers) -> Result<Search, SettingsError> {
        let text = |name: &'static str| match layers.get(&["search", name]) {
            Some(Sourced { value: RawValue::Text(text), origin }) => {
                Some(Sourced { value: text.clone(), origin: origin.clone() })
            }
            _ => None,
        };
        let index_prefix = text("index_prefix").map_or_else(|| PREFIX.to_owned(), |one| one.value);
        // The file's own list is added to the built-in one, if that was not left out.
        let mut indices: Vec<IndexRule> = Vec::new();
        let built_in = match layers.inherits() {
            true => Layers::built_in()?,
            false => Layers::default(),
        };
        for (layers, is_built_in) in [(&built_in, true), (layers, false)] {
            if let Some(Sourced { value: RawValue::TextList(rules), origin }) =
                layers.get(&["search", "indices"])
                && (is_built_in || *origin != Origin::BuiltIn)
            {
                for rule in rules {
                    // The built-in names begin as Wagtail's own do.
                    let renamed = rule.strip_prefix(PREFIX).filter(|_| is_built_in);
                    let renamed = renamed.map(|rest| format!("{index_prefix}{rest}"));
                    let rule = renamed.as_ref().unwrap_or(rule);
                    let rule = IndexRule::parse(rule).ok_or_else(|| bad_rule(rule, origin))?;
                    indices.retain(|known| known.index != rule.index);
                    indices.push(rule);
                }
            }
        }
        let reindex_command = text("reindex_command").unwrap_or_else(|| Sourced {
            value: REINDEX_COMMAND.to_owned(),
            origin: Origin::BuiltIn,
        });
        if reindex_command.value.trim().is_empty() {
            let reason = "write the command that builds the search index".to_owned();
            return Err(bad(
                "reindex_command",
                &reindex_command.value,
                &reindex_command.origin,
                reason,
            ));
        }
        let shard_limit = text("shard_limit").map(|found| match found.value.trim().parse() {
            Ok(value) if value > 0 => Ok(Sourced { value, origin: found.origin }),
            _ => {
                let reason = "write a number in quotes, for example \"20\"".to_owned();
                Err(bad("shard_limit", &found.value, &found.origin, reason))
            }
        });
        Ok(Search { index_prefix, indices, reindex_command, shard_limit: shard_limit.transpose()? })
    }
}

impl IndexRule {
    /// Of an index that has its table's name.
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

/// A name of a table or column. It is quoted all the same wherever it becomes SQL.
fn name(text: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    (text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(plain))
        .then_some(text)
}

fn bad_rule(rule: &str, origin: &Origin) -> SettingsError {
    let reason = "write INDEX = TABLE, INDEX = TABLE where COLUMN, INDEX = TABLE where not COLUMN, or INDEX = ignore";
    bad("indices", rule, origin, reason.to_owned())
}

fn bad(key: &str, value: &str, origin: &Origin, reason: String) -> SettingsError {
    SettingsError::BadValue {
        origin: origin.to_string(),
        key: format!("search.{key}"),
        value: value.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_say_which_rows_count() {
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
