//! Chooses what a column holds if its values are not loaded.

use super::super::column_type::ColumnType;
use super::super::rules::ColumnAction;
use super::super::tools;
use super::value_checks::{Candidate, holds, mentioned};
use crate::archive::ColumnValues;
use crate::schema::{Column, Schema, Table, TableName};

/// How to empty a column that cannot be NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Emptying {
    /// This value, as COPY would write it.
    Value(String),
    /// The column is not sent, and the server fills in its default.
    Default,
}

pub(super) fn describe(action: &ColumnAction) -> String {
    match action {
        ColumnAction::Empty(Emptying::Default) => "the default".into(),
        ColumnAction::Empty(Emptying::Value(value)) if value.is_empty() => "an empty text".into(),
        ColumnAction::Empty(Emptying::Value(value)) => value.clone(),
        ColumnAction::Set(template) => template.to_string(),
        _ => "NULL".into(),
    }
}

/// The first value that fits: NULL, the default, or the type's empty value.
pub(super) fn filling(
    schema: &Schema,
    name: &TableName,
    column: &str,
    values: &ColumnValues,
    addresses: bool,
) -> Option<ColumnAction> {
    let table = schema.tables.get(name)?;
    let column = table.column(column)?;
    let has = |columns: &[String]| columns.contains(&column.name);
    let is_key = table.unique_keys.iter().any(|key| key.primary && has(&key.columns))
        || tools::is_referenced(schema, name, &column.name)
        || schema
            .ancestors(name)
            .any(|one| schema.tables.get(one).is_some_and(|table| has(&table.partition_key)));
    if is_key || column.generated {
        return None;
    }
    let checks: Vec<&str> = schema.ancestors(name).flat_map(|table| values.checks(table)).collect();
    let passes =
        |candidate: &Candidate| checks.iter().all(|check| holds(check, &column.name, candidate));
    if !column.not_null && passes(&Candidate::Null) {
        return Some(ColumnAction::Null);
    }
    if schema.ancestors(name).any(|table| values.has_default(table, &column.name)) {
        return Some(ColumnAction::Empty(Emptying::Default));
    }
    if table.foreign_keys.iter().any(|key| has(&key.columns)) {
        return None;
    }
    if table.unique_keys.iter().any(|key| has(&key.columns)) {
        if !ColumnType::of(column).is_plain_text() {
            return None;
        }
        let is_mentioned = !passes(&Candidate::Text(String::new()));
        return tools::unique_value(table, column, addresses).filter(|_| !is_mentioned);
    }
    let mut candidates = empty_values(table, column, values);
    candidates.extend(checks.iter().flat_map(|check| mentioned(check)));
    let is_array = column.type_name.ends_with("[]");
    let fits = |value: &String| {
        (is_array || column.max_length().is_none_or(|limit| value.chars().count() <= limit))
            && passes(&Candidate::Text(value.clone()))
    };
    let value = candidates.into_iter().find(fits)?;
    Some(ColumnAction::Empty(Emptying::Value(value)))
}

/// The type's empty value. Other values of a check are tried only for types that have one.
fn empty_values(_: &Table, column: &Column, values: &ColumnValues) -> Vec<String> {
    let name = column.type_name.as_str();
    let base = name.split('(').next().unwrap_or(name).trim_end();
    let value = if name.ends_with("[]") {
        "{}"
    } else {
        match base.rsplit('.').next().unwrap_or(base) {
            "text" | "character varying" | "character" | "citext" | "tsvector" | "hstore"
            | "xml" | "ltree" | "name" => "",
            "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision"
            | "money" | "oid" => "0",
            "boolean" => "f",
            "json" | "jsonb" => "{}",
            "uuid" => "00000000-0000-0000-0000-000000000000",
            "date" => "1970-01-01",
            "timestamp" | "timestamp without time zone" | "timestamp with time zone" => {
                "1970-01-01 00:00:00+00"
            }
            "time" | "time without time zone" | "time with time zone" => "00:00:00+00",
            "interval" => "0",
            "bytea" => "\\x",
            "inet" | "cidr" => "0.0.0.0",
            "macaddr" => "00:00:00:00:00:00",
            "macaddr8" => "00:00:00:00:00:00:00:00",
            "point" => "(0,0)",
            "int4range" | "int8range" | "numrange" | "daterange" | "tsrange" | "tstzrange" => {
                "empty"
            }
            "int4multirange" | "int8multirange" | "nummultirange" | "datemultirange"
            | "tsmultirange" | "tstzmultirange" => "{}",
            "bit varying" => "",
            _ => return values.first_label(name).map(str::to_owned).into_iter().collect(),
        }
    };
    vec![value.to_owned()]
}
