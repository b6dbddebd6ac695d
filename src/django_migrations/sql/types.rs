//! Reads the type of a column, and writes it as `format_type` does.

use super::Statement;
use super::words::Word;

/// The words that can follow a type.
const AFTER: [&str; 13] = [
    "check",
    "collate",
    "compression",
    "constraint",
    "default",
    "generated",
    "not",
    "null",
    "primary",
    "references",
    "storage",
    "unique",
    "using",
];

/// Reads a type as it is written.
pub fn read(statement: &mut Statement<'_>) -> Option<String> {
    let end = statement.rest.iter().position(|word| AFTER.iter().any(|key| word.is(key)));
    let (words, rest) = statement.rest.split_at(end.unwrap_or(statement.rest.len()));
    statement.rest = rest;
    let mut text = String::new();
    for word in words {
        match word {
            Word::Bare(word) | Word::Quoted(word) | Word::Value(word) => {
                if text.chars().last().is_some_and(|c| c.is_alphanumeric() || c == ')') {
                    text.push(' ');
                }
                text.push_str(word);
            }
            Word::Sign(sign) => text.push(*sign),
        }
    }
    (!text.is_empty()).then_some(text)
}

pub fn is_serial(type_name: &str) -> bool {
    type_name.contains("serial")
}

/// The name that `format_type` gives to a type.
pub fn usual(type_name: &str) -> String {
    let (type_name, array) = match type_name.split_once('[') {
        Some((base, _)) => (base, "[]"),
        None => (type_name, ""),
    };
    let (base, length) = match type_name.split_once('(') {
        Some((_, rest)) if rest.contains("zone") => return format!("{type_name}{array}"),
        Some((base, rest)) => (base.trim_end(), format!("({rest}")),
        None => (type_name, String::new()),
    };
    let base = match base {
        "varchar" => "character varying",
        "char" => "character",
        "int" | "int4" | "serial" | "serial4" => "integer",
        "int8" | "bigserial" | "serial8" => "bigint",
        "int2" | "smallserial" | "serial2" => "smallint",
        "bool" => "boolean",
        "float" | "float8" => "double precision",
        "float4" => "real",
        "decimal" => "numeric",
        "timestamptz" => "timestamp with time zone",
        "timestamp" => "timestamp without time zone",
        "timetz" => "time with time zone",
        "time" => "time without time zone",
        base => base,
    };
    format!("{base}{length}{array}")
}
