//! Decides which rules a column's type allows.
//!
//! Only types whose text does not depend on the session's settings are compared or used in
//! templates. An integer always has the same text, a date does not.

use super::rules::{Literal, Template};
use crate::schema::Column;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    Integer,
    Boolean,
    Uuid,
    /// `text` and `character varying`.
    Text,
    /// `character(n)` and `citext`, which have their own rules of comparison.
    OtherText,
    Jsonb,
    Json,
    TextArray,
    SearchVector,
    Other,
}

impl ColumnType {
    pub(super) fn of(column: &Column) -> Self {
        let name = column.type_name.as_str();
        let base = name.split('(').next().unwrap_or(name).trim_end();
        if name.ends_with("[]") {
            let text =
                base == "character varying" || base == "text[]" || base == "character varying[]";
            return if text { ColumnType::TextArray } else { ColumnType::Other };
        }
        match base {
            "smallint" | "integer" | "bigint" => ColumnType::Integer,
            "boolean" => ColumnType::Boolean,
            "uuid" => ColumnType::Uuid,
            "text" | "character varying" => ColumnType::Text,
            "character" | "citext" => ColumnType::OtherText,
            "jsonb" => ColumnType::Jsonb,
            "json" => ColumnType::Json,
            "tsvector" => ColumnType::SearchVector,
            _ if base.ends_with(".citext") => ColumnType::OtherText,
            _ => ColumnType::Other,
        }
    }

    pub(super) fn is_plain_text(self) -> bool {
        matches!(self, ColumnType::Text | ColumnType::OtherText)
    }

    /// Whether two values of these types are equal exactly if their texts are equal.
    pub(super) fn comparable(self, other: ColumnType) -> bool {
        self == other && matches!(self, ColumnType::Integer | ColumnType::Uuid | ColumnType::Text)
    }

    pub(super) fn comparable_with(self, literal: &Literal) -> bool {
        matches!(
            (self, literal),
            (ColumnType::Integer, Literal::Integer(_))
                | (ColumnType::Boolean, Literal::Boolean(_))
                | (ColumnType::Text | ColumnType::Uuid, Literal::Text(_))
        )
    }

    /// Why a column of this type cannot be set to the template, if it cannot.
    pub(super) fn refuses(self, template: &Template) -> Option<String> {
        if self.is_plain_text() {
            return None;
        }
        let Some(constant) = template.constant() else {
            return Some("only text columns can be set to a template with placeholders".into());
        };
        let fits = match self {
            ColumnType::Json | ColumnType::Jsonb => {
                serde_json::from_str::<serde_json::Value>(constant).is_ok()
            }
            ColumnType::Integer => constant.parse::<i64>().is_ok(),
            ColumnType::Boolean => matches!(constant, "t" | "f"),
            ColumnType::TextArray => constant == "{}",
            ColumnType::SearchVector => constant.is_empty(),
            _ => {
                return Some(
                    "bcops cannot set a column of this type: null it, or delete the rows".into(),
                );
            }
        };
        (!fits).then(|| format!("{constant:?} is not a value of the column's type"))
    }
}

/// The most characters that a value of the column has as a placeholder. `None` for other types.
pub(super) fn placeholder_length(column: &Column) -> Option<usize> {
    match column.type_name.as_str() {
        "smallint" => Some(6),
        "integer" => Some(11),
        "bigint" => Some(20),
        "uuid" => Some(36),
        _ => None,
    }
}
