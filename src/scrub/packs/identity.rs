//! Decides whether a table is the one that a pack knows: by its columns and their types.
//!
//! Types are compared by family, because releases change the width of keys and the length of text.

use std::fmt;

use crate::schema::{Column, Creator, Table};

/// What a pack's table is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scrub) struct Identity {
    /// Without any, the table has one column, which is a key.
    pub needs: Vec<NeededColumn>,
    pub any_name: bool,
    pub extension: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scrub) struct NeededColumn {
    pub name: String,
    families: Vec<Family>,
}

/// Types that hold the same kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Text,
    Integer,
    Number,
    Boolean,
    Time,
    Uuid,
    Json,
    Address,
    SearchVector,
}

impl Family {
    const ALL: [(&str, Family); 9] = [
        ("text", Family::Text),
        ("int", Family::Integer),
        ("num", Family::Number),
        ("bool", Family::Boolean),
        ("time", Family::Time),
        ("uuid", Family::Uuid),
        ("json", Family::Json),
        ("inet", Family::Address),
        ("tsvector", Family::SearchVector),
    ];

    fn of(column: &Column) -> Option<Family> {
        let name = column.type_name.as_str();
        let base = name.split('(').next().unwrap_or(name).trim_end();
        Some(match base {
            "text" | "character varying" | "character" | "citext" => Family::Text,
            "smallint" | "integer" | "bigint" => Family::Integer,
            "real" | "double precision" | "numeric" => Family::Number,
            "boolean" => Family::Boolean,
            "date" | "timestamp with time zone" | "timestamp without time zone" => Family::Time,
            "timestamp" => Family::Time,
            "uuid" => Family::Uuid,
            "json" | "jsonb" => Family::Json,
            "inet" => Family::Address,
            "tsvector" => Family::SearchVector,
            _ if base.ends_with(".citext") => Family::Text,
            _ => return None,
        })
    }
}

impl NeededColumn {
    /// Reads `name:type`, or `name:type|type`.
    pub(in crate::scrub) fn parse(text: &str) -> Result<Self, String> {
        let (name, families) = text
            .split_once(':')
            .ok_or_else(|| format!("`{text}` must have the form `name:type`"))?;
        let family = |word: &str| {
            let known = Family::ALL.into_iter().find(|(known, _)| *known == word);
            known
                .map(|(_, family)| family)
                .ok_or_else(|| format!("`{word}` is not a type that packs know"))
        };
        let families = families.split('|').map(family).collect::<Result<_, _>>()?;
        Ok(NeededColumn { name: name.to_owned(), families })
    }

    /// Why the table's column is not this one.
    fn mismatch(&self, table: &Table) -> Option<String> {
        let Some(column) = table.column(&self.name) else {
            return Some(format!("it has no column {} ({self})", self.name));
        };
        // The type of a key is that of the table it points to, which the site decides.
        let is_foreign_key =
            table.foreign_keys.iter().any(|key| key.columns == [self.name.as_str()]);
        // A backup has no types for the tables of extensions.
        let is_unknown = table.creator == Creator::Extension && column.type_name.is_empty();
        let fits = Family::of(column).is_some_and(|family| self.families.contains(&family));
        let type_name = &column.type_name;
        (!fits && !is_foreign_key && !is_unknown)
            .then(|| format!("its column {} is {type_name}, not {self}", self.name))
    }
}

/// The families, as a pack writes them.
impl fmt::Display for NeededColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |family: &Family| {
            Family::ALL.iter().find(|(_, known)| known == family).map_or("", |(word, _)| word)
        };
        f.write_str(&self.families.iter().map(word).collect::<Vec<_>>().join(" or "))
    }
}

impl Identity {
    /// Why the table is another one, in words that continue a sentence.
    pub(in crate::scrub) fn mismatch(&self, table: &Table) -> Option<String> {
        if self.extension && table.creator != Creator::Extension {
            return Some("no extension owns it".to_owned());
        }
        if self.needs.is_empty() {
            let is_key = |column: &Column| Family::of(column) == Some(Family::Integer);
            let is_known = matches!(table.columns.as_slice(), [column] if is_key(column));
            return (!is_known).then(|| "it has more than a key".to_owned());
        }
        self.needs.iter().find_map(|column| column.mismatch(table))
    }
}
