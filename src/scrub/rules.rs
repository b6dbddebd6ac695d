//! Defines what a manifest can require, as types that allow only valid values.
//!
//! Every rule is defined on a column's text output, which is the same in COPY data and in a cast to
//! `text`, so a rewrite in flight and SQL on a live database have the same result.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::patterns::Kind;
use super::replacements::Replacement;
use super::unclassified::Emptying;
use crate::json::written_as_text;
use crate::schema::{TableName, quote_identifier, quoted_parts};

/// A line of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub origin: Arc<str>,
    pub line: usize,
}

written_as_text!(Place, Place::to_string);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.origin, self.line)
    }
}

/// Whose data a table or a column holds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Public content of the site. The audit reports personal data in it without failing.
    Content,
    /// What the site needs to run. Says nothing about people.
    Operational,
    /// Data about people. Needs a rule in every policy.
    Personal,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Content => "content",
            Class::Operational => "operational",
            Class::Personal => "personal",
        })
    }
}

/// What one policy does with one table.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub place: Place,
    pub rows: RowRule,
    /// What happens to columns of the rows that stay.
    pub columns: BTreeMap<String, ColumnAction>,
    /// Why unchanged personal data may stay.
    pub reason: Option<String>,
    /// Columns in which the audit expects findings under this policy.
    pub audit_allow: BTreeSet<String>,
}

/// Which rows stay.
#[derive(Debug, Clone, PartialEq)]
pub enum RowRule {
    Keep,
    Delete,
    /// Rows that meet every condition.
    KeepWhere(Vec<Condition>),
}

/// A condition on one column. A NULL meets only [`Test::IsNull`].
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub column: String,
    pub test: Test,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The value occurs in one of these columns, in rows that stay.
    In(Vec<ColumnReference>),
    OneOf(Vec<Literal>),
    IsNull,
    NotNull,
}

impl Test {
    /// Whether a row that passes might fail after this rewrite of the column. A NULL stays NULL,
    /// and another value becomes NULL only if the action says so.
    pub(super) fn is_undone_by(&self, action: &ColumnAction) -> bool {
        match self {
            Test::IsNull => false,
            Test::NotNull => {
                matches!(action, ColumnAction::Null | ColumnAction::NullUnless(_))
            }
            Test::In(_) | Test::OneOf(_) => true,
        }
    }
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Literal {
    Boolean(bool),
    Integer(i64),
    Text(String),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Boolean(value) => write!(f, "{value}"),
            Literal::Integer(value) => write!(f, "{value}"),
            Literal::Text(value) => write!(f, "{value:?}"),
        }
    }
}

/// A column of a table, written `table.column` or `schema.table.column`. Any part can be quoted as
/// in SQL.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnReference {
    pub table: TableName,
    pub column: String,
}

impl ColumnReference {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some([table @ .., column]) = quoted_parts(text).as_deref() {
            let table = match table {
                [name] => TableName::public(name),
                [schema, name] => TableName::new(schema, name),
                _ => return Err(format!("`{text}` must have the form \"table.column\"")),
            };
            return Ok(ColumnReference { table, column: column.clone() });
        }
        match text.rsplit_once('.') {
            Some((table, column)) if !table.is_empty() && !column.is_empty() => {
                Ok(ColumnReference { table: parse_table_name(table), column: column.into() })
            }
            _ => Err(format!("`{text}` must have the form \"table.column\"")),
        }
    }
}

impl fmt::Display for ColumnReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = format!("{}.{}", self.table.short(), self.column);
        if ColumnReference::parse(&plain).is_ok_and(|read| read == *self) {
            return f.write_str(&plain);
        }
        write!(f, "{}.{}", self.table.quoted(), quote_identifier(&self.column))
    }
}

/// A table's name as written in the manifest.
pub(super) fn parse_table_name(text: &str) -> TableName {
    TableName::parse(text)
}

/// A table's name in the form that [`parse_table_name`] reads.
pub(super) fn manifest_name(table: &TableName) -> String {
    table.short()
}

/// What happens to one column. A NULL stays NULL, except with [`ColumnAction::Empty`].
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnAction {
    Set(Template),
    Null,
    /// NULL unless the value occurs in one of these columns, in rows that stay.
    NullUnless(Vec<ColumnReference>),
    Replace(&'static Replacement),
    Edit(Edit),
    /// Empties a column that no one classified, NULLs included. A manifest cannot request it, and
    /// it applies only to rows on their way to this machine.
    Empty(Emptying),
}

/// Changes inside a value: members are removed or not kept, then patterns are redacted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Edit {
    /// `None` keeps every member.
    pub keep: Option<Keep>,
    pub remove_members: Vec<MemberPath>,
    pub redact: BTreeSet<Kind>,
}

/// Which members of a JSON document stay.
#[derive(Debug, Clone, PartialEq)]
pub enum Keep {
    /// Only these.
    Named(Vec<MemberPath>),
    /// Members that columns of the row's model describe, and members named for the model.
    OfModel,
}

/// Text with `{column}` placeholders for values of the same row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Literal(String),
    /// The named column's original value.
    Column(String),
}

impl Template {
    /// Reads `user.{id}`. A literal brace is doubled.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            match character {
                '{' | '}' if rest.peek() == Some(&character) => {
                    rest.next();
                    literal.push(character);
                }
                '{' => {
                    let mut column = String::new();
                    loop {
                        match rest.next() {
                            Some('}') if !column.is_empty() => break,
                            Some(part) if part != '{' && part != '}' => column.push(part),
                            _ => {
                                return Err(format!(
                                    "the template {text:?} has a `{{` without a column name and `}}`: \
                                     write `{{{{` for a brace"
                                ));
                            }
                        }
                    }
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Column(column));
                }
                '}' => {
                    return Err(format!(
                        "the template {text:?} has a `}}` without `{{`: write `}}}}` for a brace"
                    ));
                }
                _ => literal.push(character),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Template { pieces })
    }

    /// The columns that the template reads.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Column(column) => Some(column.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// The text, if it is the same for every row.
    pub fn constant(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Template {
    /// As written in the manifest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Literal(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Piece::Column(column) => write!(f, "{{{column}}}"),
        })
    }
}

/// A place inside a JSON document: member names joined by dots. `*` means every member of an object
/// and every element of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberPath {
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Member(String),
    Any,
}

impl MemberPath {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let steps = text
            .split('.')
            .map(|step| match step {
                "" => Err(format!("the member path {text:?} has an empty step")),
                "*" => Ok(Step::Any),
                name => Ok(Step::Member(name.into())),
            })
            .collect::<Result<_, _>>()?;
        Ok(MemberPath { steps })
    }
}

impl fmt::Display for MemberPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            match step {
                Step::Member(name) => write!(f, "{dot}{name}")?,
                Step::Any => write!(f, "{dot}*")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_know_their_columns_and_braces() {
        let template = Template::parse("{{user}}.{id}@example.invalid").unwrap();
        assert_eq!(template.pieces[0], Piece::Literal("{user}.".into()));
        assert_eq!(template.columns().collect::<Vec<_>>(), ["id"]);
        assert_eq!(template.constant(), None);
        assert_eq!(template.to_string(), "{{user}}.{id}@example.invalid");
        assert_eq!(MemberPath::parse("a.*.b").unwrap().to_string(), "a.*.b");
        assert_eq!(Template::parse("").unwrap().constant(), Some(""));
        assert_eq!(Template::parse("plain").unwrap().constant(), Some("plain"));
    }

    #[test]
    fn broken_templates_are_refused() {
        for text in ["{", "}", "{}", "a{b", "a}b", "{a{b}}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn references_name_table_and_column() {
        let reference = ColumnReference::parse("other.table.id").unwrap();
        assert_eq!(reference.table, TableName::new("other", "table"));
        assert_eq!(ColumnReference::parse("page.id").unwrap().to_string(), "page.id");
        for (table, column) in [("a.b", "c"), ("t", "c.d"), ("t", "c\"d"), ("a\nb", "c")] {
            for schema in ["public", "x", "x.y"] {
                let table = TableName::new(schema, table);
                let reference = ColumnReference { table, column: column.into() };
                assert_eq!(ColumnReference::parse(&reference.to_string()), Ok(reference));
            }
        }
        for text in ["id", ".id", "page."] {
            assert!(ColumnReference::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn written_table_names_are_read_back() {
        for table in [
            TableName::public("users_user"),
            TableName::public("odd.name"),
            TableName::new("other", "table"),
            TableName::new("other", "odd.name"),
        ] {
            assert_eq!(parse_table_name(&manifest_name(&table)), table);
        }
    }

    #[test]
    fn member_paths_have_no_empty_steps() {
        assert_eq!(MemberPath::parse("*.text").unwrap().steps[0], Step::Any);
        assert!(MemberPath::parse("a..b").is_err());
        assert!(MemberPath::parse("").is_err());
    }
}
