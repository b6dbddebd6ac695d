//! Describes a database, as far as scrubbing and loading need it.
//!
//! The same model is filled from an archive's table of contents (`archive::schema`) and from a
//! live server's catalog, so that one manifest can be validated against either.

mod constraints;

use std::collections::BTreeMap;
use std::fmt;

use crate::json::written_as_text;

pub use constraints::{Check, Domain};

/// A table's schema and bare name, unquoted, as in the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    pub schema: String,
    pub name: String,
}

impl TableName {
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        TableName { schema: schema.into(), name: name.into() }
    }

    /// A table of the schema `public`, where Django creates its tables.
    pub fn public(name: impl Into<String>) -> Self {
        TableName::new("public", name)
    }

    /// The name as people and the manifest write it, in the form that [`TableName::parse`] reads:
    /// without the schema if that is `public`, and quoted as in SQL if the plain form would mean
    /// another table.
    pub fn short(&self) -> String {
        let is_plain = |text: &String| !text.contains('"') && TableName::parse(text) == *self;
        let plain = [self.name.clone(), self.to_string()];
        plain.into_iter().find(is_plain).unwrap_or_else(|| self.quoted())
    }

    /// Reads `table`, `schema.table`, or either with any part quoted: `"odd.schema"."odd.table"`. In
    /// the plain form the first full stop ends the schema.
    pub fn parse(text: &str) -> TableName {
        match quoted_parts(text).as_deref() {
            Some([name]) => return TableName::public(name),
            Some([schema, name]) => return TableName::new(schema, name),
            _ => {}
        }
        match text.split_once('.') {
            Some((schema, name)) => TableName::new(schema, name),
            None => TableName::public(text),
        }
    }

    /// `"schema"."name"`, for a statement.
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote_identifier(&self.schema), quote_identifier(&self.name))
    }
}

// As in the manifest.
written_as_text!(TableName, TableName::short);

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// `"name"`, with inner quotes doubled. Always quotes: whether a bare word is reserved depends on
/// the server's version.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Splits a name at its full stops, if at least one part is quoted as in SQL. `None` for everything
/// else.
pub fn quoted_parts(text: &str) -> Option<Vec<String>> {
    if !text.contains('"') {
        return None;
    }
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, after) = match rest.strip_prefix('"') {
            Some(inner) => quoted_part(inner)?,
            None => {
                let (part, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
                (part.to_owned(), after)
            }
        };
        if part.is_empty() || (part.contains('"') && !rest.starts_with('"')) {
            return None;
        }
        parts.push(part);
        if after.is_empty() {
            return Some(parts);
        }
        rest = after.strip_prefix('.')?;
    }
}

/// Reads a quoted name after its first quote. Returns the name and the text after its last quote.
fn quoted_part(inner: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut characters = inner.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        if character != '"' {
            part.push(character);
        } else if characters.next_if(|(_, next)| *next == '"').is_some() {
            part.push('"');
        } else {
            return Some((part, inner.get(index + 1..).unwrap_or_default()));
        }
    }
    None
}

/// Every table of a database with its columns, unique keys and foreign keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schema {
    pub tables: BTreeMap<TableName, Table>,
    /// By the name of the type.
    pub domains: BTreeMap<String, Domain>,
    /// Whether the database (or the archive) holds large objects.
    pub has_large_objects: bool,
}

impl Schema {
    /// The table itself, the table of which it is a partition, and so on.
    pub fn ancestors<'a>(&'a self, table: &'a TableName) -> impl Iterator<Item = &'a TableName> {
        let parent = |name: &&'a TableName| self.tables.get(*name)?.partition_of.as_ref();
        // In a schema from a hostile archive, a table can be its own ancestor. No database has this
        // many levels.
        std::iter::successors(Some(table), parent).take(64)
    }

    /// The table itself and all of its partitions.
    pub fn with_partitions<'a>(
        &'a self,
        table: &'a TableName,
    ) -> impl Iterator<Item = &'a TableName> {
        self.tables.keys().filter(move |name| self.ancestors(name).any(|one| one == table))
    }
}

/// One table. Partitions and their parents have separate entries.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// In the order of the catalog; generated columns included.
    pub columns: Vec<Column>,
    /// Primary keys, unique constraints and unique indexes.
    pub unique_keys: Vec<UniqueKey>,
    pub foreign_keys: Vec<ForeignKey>,
    /// The partitioned table that this one is a part of.
    pub partition_of: Option<TableName>,
    /// The columns that decide which partition a row belongs to.
    pub partition_key: Vec<String>,
    /// Enforced checks only, including those of parents.
    pub checks: Vec<Check>,
    /// The database's comments on columns, by column name.
    pub comments: BTreeMap<String, String>,
    pub creator: Creator,
}

/// How a table is created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Creator {
    #[default]
    Database,
    /// An extension creates it, and a backup holds only its rows. In a backup, the types of its
    /// columns are unknown and left empty.
    Extension,
}

impl Table {
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    /// The type as `format_type` writes it, for example `character varying(150)` or `text[]`.
    pub type_name: String,
    pub not_null: bool,
    /// Computed by the server, so absent from COPY data.
    pub generated: bool,
}

impl Column {
    /// The limit of `character varying(n)` and `character(n)`, in characters.
    pub fn max_length(&self) -> Option<usize> {
        let base = self.type_name.strip_suffix("[]").unwrap_or(&self.type_name);
        let inner = base
            .strip_prefix("character varying(")
            .or_else(|| base.strip_prefix("character("))?
            .strip_suffix(')')?;
        inner.parse().ok()
    }

    /// Whether the type is one of the well-known types for numbers, times or flags. Every other
    /// type can hold anything: text, domains and enumerations, arrays, ranges, geometry, network
    /// addresses, documents and bytes.
    pub fn is_plain_value(&self) -> bool {
        let name = self.type_name.as_str();
        let base = name.split('(').next().unwrap_or(name).trim_end();
        let zone = name.split_once(')').map_or("", |(_, rest)| rest);
        let known_zone = matches!(zone, "" | " with time zone" | " without time zone");
        let is_number = matches!(
            base,
            "smallint"
                | "integer"
                | "bigint"
                | "boolean"
                | "uuid"
                | "numeric"
                | "real"
                | "double precision"
        );
        let is_moment = matches!(
            base,
            "date"
                | "time"
                | "timestamp"
                | "interval"
                | "time without time zone"
                | "time with time zone"
                | "timestamp without time zone"
                | "timestamp with time zone"
        );
        (is_number && zone.is_empty()) || (is_moment && known_zone)
    }

    /// Whether values of this type can hold personal data as text. Types that are known to be
    /// numbers, times or identifiers cannot. Every other type can, including user-defined types.
    pub fn can_hold_text(&self) -> bool {
        let base = self.type_name.trim_end_matches("[]");
        let base = base.split('(').next().unwrap_or(base).trim_end();
        !matches!(
            base,
            "smallint"
                | "integer"
                | "bigint"
                | "boolean"
                | "uuid"
                | "numeric"
                | "real"
                | "double precision"
                | "date"
                | "time"
                | "timestamp"
                | "interval"
                | "money"
                | "oid"
                | "bit"
                | "bit varying"
                | "time without time zone"
                | "time with time zone"
                | "timestamp without time zone"
                | "timestamp with time zone"
                | "point"
                | "box"
                | "polygon"
                | "line"
                | "lseg"
                | "path"
                | "circle"
                | "int4range"
                | "int8range"
                | "numrange"
                | "daterange"
                | "tsrange"
                | "tstzrange"
                | "int4multirange"
                | "int8multirange"
                | "nummultirange"
                | "datemultirange"
                | "tsmultirange"
                | "tstzmultirange"
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    pub name: String,
    pub columns: Vec<String>,
    /// An index over expressions or with a WHERE clause. `columns` then holds only the plain
    /// columns, which are not enough to judge the key.
    pub partial: bool,
    pub primary: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    pub name: String,
    pub columns: Vec<String>,
    pub references: TableName,
    pub referenced_columns: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(type_name: &str) -> Column {
        Column { name: "c".into(), type_name: type_name.into(), not_null: false, generated: false }
    }

    #[test]
    fn names_are_always_quoted() {
        assert_eq!(quote_identifier(r#"a"b"#), r#""a""b""#);
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for (schema, name, written) in [
            ("public", "users_user", "users_user"),
            ("other", "t", "other.t"),
            ("public", "odd.name", "public.odd.name"),
            ("other", "odd.name", "other.odd.name"),
            ("we.ird", "ta.ble", r#""we.ird"."ta.ble""#),
            ("public", "a\"b", r#""public"."a""b""#),
            ("", "x", ".x"),
            ("s", "line\nfeed", "s.line\nfeed"),
        ] {
            let table = TableName::new(schema, name);
            assert_eq!(table.short(), written);
            assert_eq!(TableName::parse(written), table);
        }
        for text in [r#""a"#, r#"a"b"#, r#""a"b"#, r#"a.""#, r#""".x"#, r#""a"."b"."c"."d"."#] {
            assert_eq!(quoted_parts(text), None, "{text}");
        }
        assert_eq!(TableName::parse(r#"s."a.b""#), TableName::new("s", "a.b"));
    }

    proptest::proptest! {
        #![proptest_config(crate::property_test::config(256))]

        #[test]
        fn every_name_survives_writing_and_reading(schema in "[a.\"é\n ]{1,4}", name in "[a.\"é\n ]{1,4}") {
            let table = TableName::new(schema, name);
            proptest::prop_assert_eq!(TableName::parse(&table.short()), table);
        }
    }

    #[test]
    fn lengths_come_from_the_type() {
        assert_eq!(column("character varying(150)").max_length(), Some(150));
        assert_eq!(column("character(5)").max_length(), Some(5));
        assert_eq!(column("character varying").max_length(), None);
        assert_eq!(column("numeric(9,6)").max_length(), None);
    }

    #[test]
    fn only_well_known_types_are_plain_values() {
        for type_name in [
            "bigint",
            "boolean",
            "uuid",
            "numeric",
            "numeric(9,6)",
            "double precision",
            "date",
            "timestamp with time zone",
            "timestamp(3) with time zone",
            "time(0) without time zone",
            "interval",
            "interval(3)",
        ] {
            assert!(column(type_name).is_plain_value(), "{type_name}");
        }
        for type_name in [
            "text",
            "integer[]",
            "numeric(9,6)[]",
            "timestamp(3) with time zone[]",
            "money",
            "oid",
            "bit(8)",
            "point",
            "int4range",
            "datemultirange",
            "inet",
            "macaddr",
            "public.geometry(Point,4326)",
            "public.\"date\"",
            "\"date\"",
            "public.birthday",
            "hstore",
            "xml",
            "json",
            "bytea",
            "",
        ] {
            assert!(!column(type_name).is_plain_value(), "{type_name}");
        }
    }

    #[test]
    fn unknown_types_can_hold_text() {
        for type_name in [
            "text",
            "jsonb",
            "tsvector",
            "character varying(5)[]",
            "citext",
            "public.mood",
            "bytea",
            "inet",
        ] {
            assert!(column(type_name).can_hold_text(), "{type_name}");
        }
        for type_name in [
            "integer",
            "numeric(9,6)",
            "timestamp with time zone",
            "timestamp(3) with time zone",
            "uuid",
            "integer[]",
        ] {
            assert!(!column(type_name).can_hold_text(), "{type_name}");
        }
    }
}
