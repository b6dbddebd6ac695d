//! Writes a rule as SQL.
//!
//! Rules are defined on the text that COPY writes, so values are compared as text, byte by byte,
//! whatever the collation. The rows that stay in another table are computed from that table's rule
//! and not from its present rows, so no statement depends on another having run before. Identifiers
//! and values are quoted only here: a manifest cannot inject SQL with them.

use super::LiveSchema;
use crate::adapters::postgres::quote_literal;
use crate::schema::{Column, TableName, quote_identifier};
use crate::scrub::column_type::ColumnType;
use crate::scrub::plan::{ScrubPlan, TablePlan};
use crate::scrub::rules::{
    ColumnAction, ColumnReference, Condition, Literal, Piece, RowRule, Rule, Template, Test,
};

/// Writes the conditions and statements of one plan for one database.
#[derive(Clone, Copy)]
pub(super) struct Statements<'a> {
    pub plan: &'a ScrubPlan,
    pub live: &'a LiveSchema,
}

/// A new value for a column, and the rows that do not have it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment {
    pub column: String,
    pub value: String,
    pub condition: String,
}

/// The alias of the current table in every statement.
pub(super) const ROW: &str = "t";

impl<'a> Statements<'a> {
    /// The conditions under which a row is dropped: one for each condition of the rule, so the
    /// server can plan each as an anti-join. They may overlap.
    pub fn drop_conditions(&self, table: &TableName) -> Vec<String> {
        let Some(rule) = self.rule(table) else { return Vec::new() };
        match &rule.rows {
            RowRule::Keep => Vec::new(),
            RowRule::Delete => vec!["true".to_owned()],
            RowRule::KeepWhere(conditions) => conditions
                .iter()
                .map(|condition| self.is_not_met(ROW, 0, table, condition))
                .collect(),
        }
    }

    /// True for the rows that stay.
    pub fn keep_condition(&self, table: &TableName) -> String {
        self.stays(ROW, 0, table)
    }

    /// Columns that are set or nulled. Edits and lookups are separate.
    pub fn assignments(&self, table: &TableName) -> Vec<Assignment> {
        let columns = self.rule(table).into_iter().flat_map(|rule| &rule.columns);
        columns
            .filter_map(|(name, action)| {
                let column = self.column(table, name)?;
                let here = qualified(ROW, name);
                let value = match action {
                    ColumnAction::Set(template) => cast(&concatenation(ROW, template), column),
                    ColumnAction::Replace(by) => cast(&(by.in_sql)(&as_text(&here)), column),
                    ColumnAction::Null => {
                        let condition = format!("{here} IS NOT NULL");
                        return Some(Assignment {
                            column: name.clone(),
                            value: "NULL".into(),
                            condition,
                        });
                    }
                    ColumnAction::NullUnless(_)
                    | ColumnAction::Edit(_)
                    | ColumnAction::Empty(_) => {
                        return None;
                    }
                };
                // A NULL stays NULL, because a comparison with NULL is never true.
                let condition = format!("{} <> {}", as_bytes(&here), as_bytes(&value));
                let value = format!("CASE WHEN {here} IS NOT NULL THEN {value} END");
                Some(Assignment { column: name.clone(), value, condition })
            })
            .collect()
    }

    /// Random values for the columns that are set to different texts, in the rows that do not have
    /// their text yet.
    pub fn chance_values(&self, table: &TableName) -> Vec<Assignment> {
        let is_chosen = |one: &Assignment| {
            let action = self.rule(table).and_then(|rule| rule.columns.get(&one.column));
            matches!(action, Some(ColumnAction::Set(template)) if template.constant().is_none())
        };
        let assignments = self.assignments(table).into_iter().filter(is_chosen);
        assignments
            .filter_map(|one| {
                let column = self.column(table, &one.column)?;
                let here = qualified(ROW, &one.column);
                let chance = format!(
                    "pg_catalog.left(pg_catalog.md5(pg_catalog.random()::pg_catalog.text || {ROW}.ctid::pg_catalog.text), {})",
                    column.max_length().unwrap_or(32)
                );
                let chance = cast(&chance, column);
                let value = format!("CASE WHEN {here} IS NOT NULL THEN {chance} END");
                Some(Assignment { value, ..one })
            })
            .collect()
    }

    /// Columns that lose values which do not occur elsewhere, each with the rows concerned.
    pub fn lookups(&self, table: &TableName) -> Vec<Assignment> {
        let columns = self.rule(table).into_iter().flat_map(|rule| &rule.columns);
        columns
            .filter_map(|(name, action)| {
                let ColumnAction::NullUnless(references) = action else { return None };
                let here = qualified(ROW, name);
                let absent = self.occurs_nowhere(ROW, 0, table, name, references);
                let condition = format!("{here} IS NOT NULL AND {absent}");
                Some(Assignment { column: name.clone(), value: "NULL".into(), condition })
            })
            .collect()
    }

    /// The names of the columns with edited values.
    pub fn edited_columns(&self, table: &TableName) -> Vec<String> {
        let columns = self.rule(table).into_iter().flat_map(|rule| &rule.columns);
        columns
            .filter(|(_, action)| matches!(action, ColumnAction::Edit(_)))
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn table_plan(&self, table: &TableName) -> Option<&'a TablePlan> {
        self.plan.table(table)
    }

    fn rule(&self, table: &TableName) -> Option<&'a Rule> {
        self.table_plan(table)?.rule.as_ref()
    }

    fn column(&self, table: &TableName, name: &str) -> Option<&'a Column> {
        self.live.schema.tables.get(table)?.column(name)
    }

    fn stays(&self, row: &str, depth: usize, table: &TableName) -> String {
        match self.rule(table).map(|rule| &rule.rows) {
            None | Some(RowRule::Keep) => "true".to_owned(),
            Some(RowRule::Delete) => "false".to_owned(),
            Some(RowRule::KeepWhere(conditions)) => {
                let met = conditions
                    .iter()
                    .map(|condition| {
                        format!("NOT ({})", self.is_not_met(row, depth, table, condition))
                    })
                    .collect::<Vec<_>>();
                if met.is_empty() { "true".to_owned() } else { met.join(" AND ") }
            }
        }
    }

    /// True or false, never NULL.
    fn is_not_met(
        &self,
        row: &str,
        depth: usize,
        table: &TableName,
        condition: &Condition,
    ) -> String {
        let column = qualified(row, &condition.column);
        match &condition.test {
            Test::IsNull => format!("{column} IS NOT NULL"),
            Test::NotNull => format!("{column} IS NULL"),
            Test::OneOf(literals) => {
                let equal: Vec<String> = literals.iter().map(|one| equals(&column, one)).collect();
                format!("({}) IS NOT TRUE", equal.join(" OR "))
            }
            Test::In(references) => {
                self.occurs_nowhere(row, depth, table, &condition.column, references)
            }
        }
    }

    /// Whether the value is in none of the referenced columns, counting only rows that stay.
    fn occurs_nowhere(
        &self,
        row: &str,
        depth: usize,
        table: &TableName,
        column: &str,
        references: &[ColumnReference],
    ) -> String {
        let family = self.column(table, column).map_or(ColumnType::Other, ColumnType::of);
        let here = qualified(row, column);
        let alias = format!("{ROW}{}", depth + 1);
        let absent: Vec<String> = references
            .iter()
            .map(|reference| {
                let there = self.kept_value(&alias, depth + 1, reference);
                let same = match family {
                    ColumnType::Text => format!("{} = {}", as_bytes(&there), as_bytes(&here)),
                    _ => format!("{there} = {here}"),
                };
                format!(
                    "NOT EXISTS (SELECT FROM {} AS {alias} WHERE {same} AND {})",
                    self.live.relation(&reference.table),
                    self.stays(&alias, depth + 1, &reference.table)
                )
            })
            .collect();
        absent.join(" AND ")
    }

    /// The referenced column's value after its own rule. The plan refuses references to columns
    /// that are set or edited.
    fn kept_value(&self, alias: &str, depth: usize, reference: &ColumnReference) -> String {
        let column = qualified(alias, &reference.column);
        let action =
            self.rule(&reference.table).and_then(|rule| rule.columns.get(&reference.column));
        match action {
            Some(ColumnAction::NullUnless(references)) => {
                let absent = self.occurs_nowhere(
                    alias,
                    depth,
                    &reference.table,
                    &reference.column,
                    references,
                );
                format!("CASE WHEN NOT ({absent}) THEN {column} END")
            }
            Some(ColumnAction::Null) => format!("CASE WHEN false THEN {column} END"),
            _ => column,
        }
    }
}

pub(super) fn qualified(row: &str, column: &str) -> String {
    format!("{row}.{}", quote_identifier(column))
}

/// A value's text, compared byte by byte, because a collation may treat different texts as equal.
fn as_bytes(expression: &str) -> String {
    format!("{} COLLATE \"C\"", as_text(expression))
}

fn as_text(expression: &str) -> String {
    format!("({expression})::pg_catalog.text")
}

fn cast(expression: &str, column: &Column) -> String {
    format!("CAST({expression} AS {})", column.type_name)
}

fn equals(column: &str, literal: &Literal) -> String {
    match literal {
        Literal::Boolean(value) => format!("{column} = {value}"),
        Literal::Integer(value) => format!("{column} = {value}"),
        // Uuids are compared as text too.
        Literal::Text(text) => format!("{} = {}", as_bytes(column), quote_literal(text)),
    }
}

fn concatenation(row: &str, template: &Template) -> String {
    let pieces: Vec<String> = template
        .pieces
        .iter()
        .map(|piece| match piece {
            Piece::Literal(text) => quote_literal(text),
            Piece::Column(column) => format!("{}::pg_catalog.text", qualified(row, column)),
        })
        .collect();
    match pieces.as_slice() {
        [] => "''".to_owned(),
        [one] => one.clone(),
        many => many.join(" || "),
    }
}
