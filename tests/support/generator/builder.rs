//! Builds the SQL of one database: free names, and tables to refer to.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::random::Random;

/// The text that is appended to a harmless name.
const ODDITIES: [&str; 26] = [
    " with spaces",
    "\"quoted\"",
    "'apostrophe'",
    "\nnewline",
    ".dotted",
    "Ünïcödé",
    "UPPER",
    "%s%%n",
    "\\back\\slash",
    "$dollar$",
    "-- comment",
    "/* comment */",
    ";semicolon",
    "\ttab",
    "日本語",
    "{id}",
    "a,b",
    "(x)",
    "[y]",
    "=z",
    "$1",
    "\\.",
    "\r",
    "\u{1F600}",
    "::text",
    "@host:5432/db",
];

const KEYWORDS: [&str; 8] =
    ["select", "user", "table", "order", "group", "column", "default", "end"];

/// A table that others may refer to.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    /// Its schema, quoted.
    pub schema: String,
    /// A column of type bigint with a unique key, quoted.
    pub key: String,
    /// A column of type text, quoted.
    pub text: String,
    pub rows: usize,
}

pub struct Builder {
    pub random: Random,
    pub sql: String,
    pub schemas: Vec<String>,
    pub tables: Vec<Table>,
    /// Views and materialized views, to build others on.
    pub views: Vec<String>,
    /// The materialized views without rows.
    pub unfilled: Vec<String>,
    /// The features of this server.
    pub extensions: BTreeSet<String>,
    /// Types for columns, with an expression over `g` that gives a value.
    pub types: Vec<(String, String)>,
    number: usize,
}

impl Builder {
    pub fn new(seed: u64, extensions: BTreeSet<String>) -> Builder {
        let types = [
            ("integer", "g"),
            ("text", "nullif(md5(g::text), '')"),
            ("varchar(40)", "left(md5(g::text), 40)"),
            ("numeric(12,3)", "g / 7.0"),
            ("double precision", "g / 3.0::float8"),
            ("boolean", "g % 3 = 0"),
            ("timestamptz", "'2024-01-01Z'::timestamptz + g * interval '1 hour'"),
            ("date", "date '2024-01-01' + g"),
            ("bytea", "decode(md5(g::text), 'hex')"),
            ("jsonb", "jsonb_build_object('g', g, 'quote', '\"\\')"),
            ("text[]", "ARRAY[g::text, NULL, 'a,b', '\"']"),
            ("int[][]", "ARRAY[[g, 2], [3, 4]]"),
            ("uuid", "md5(g::text)::uuid"),
            ("inet", "'10.0.0.0'::inet + g"),
            ("interval", "g * interval '1 minute'"),
            ("int4range", "int4range(g, g + 10)"),
            ("int8multirange", "int8multirange(int8range(g, g + 2))"),
            ("point", "point(g, g)"),
            ("json", "json_build_array(g, NULL, 'x')"),
            ("tsvector", "to_tsvector('simple', 'word' || g)"),
            ("bit varying(9)", "(g % 256)::bit(8)"),
            ("money", "g::money"),
            ("char(3)", "'a'"),
            ("\"char\"", "'c'"),
            ("name", "'n' || g"),
            ("text", "E'back\\\\slash\\ttab\\nline' || g || E'\\\\.'"),
        ];
        Builder {
            random: Random::new(seed),
            sql: String::new(),
            schemas: vec!["public".to_owned()],
            tables: Vec::new(),
            views: Vec::new(),
            unfilled: Vec::new(),
            extensions,
            types: types.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            number: 0,
        }
    }

    pub fn run(&mut self, sql: &str) {
        self.sql.push_str(sql);
        self.sql.push_str(";\n");
    }

    /// A new name, quoted: usually plain, else odd or of maximum length.
    pub fn name(&mut self, stem: &str) -> String {
        self.number += 1;
        let mut name = format!("{stem}{}", self.number);
        match self.random.below(12) {
            0..4 => name.push_str(ODDITIES[self.random.below(ODDITIES.len())]),
            4 => name = format!("{}{name}", self.random.pick(&["1", " ", "É", "-", "\\"])),
            5 => name = format!("{:_<63}", name),
            6 => name = format!("{} {}", self.random.pick(&KEYWORDS), self.number),
            _ => {}
        }
        quote(&name)
    }

    pub fn schema(&mut self) -> String {
        let schemas = self.schemas.clone();
        self.random.pick(&schemas).clone()
    }

    /// A new name in some schema, both quoted.
    pub fn qualified(&mut self, stem: &str) -> String {
        let schema = self.schema();
        format!("{schema}.{}", self.name(stem))
    }

    /// Any table, created if there is none.
    pub fn table(&mut self) -> Table {
        if self.tables.is_empty() {
            super::tables::plain(self);
        }
        let tables = self.tables.clone();
        self.random.pick(&tables).clone()
    }

    /// A new table with a key, a text and a few further columns, filled.
    pub fn new_table(&mut self, more: &str) -> Table {
        let schema = self.schema();
        let name = format!("{schema}.{}", self.name("table"));
        let (key, text) = (self.name("id"), self.name("text"));
        let mut columns = format!("{key} bigint PRIMARY KEY, {text} text");
        let (mut names, mut values) = (format!("{key}, {text}"), "g, 't' || g".to_owned());
        for _ in 0..self.random.between(0, 6) {
            let (kind, value) = {
                let types = self.types.clone();
                self.random.pick(&types).clone()
            };
            let column = self.name("column");
            write!(columns, ", {column} {kind}").expect("a string");
            write!(names, ", {column}").expect("a string");
            match self.random.one_in(3) {
                true => write!(values, ", CASE WHEN g % 2 = 0 THEN {value} END"),
                false => write!(values, ", {value}"),
            }
            .expect("a string");
        }
        let rows = *self.random.pick(&[0, 1, 3, 20, 300, 2000]);
        self.run(&format!("CREATE TABLE {name} ({columns}{more})"));
        self.run(&format!(
            "INSERT INTO {name} ({names}) SELECT {values} FROM generate_series(1, {rows}) g"
        ));
        let table = Table { name, schema, key, text, rows };
        self.tables.push(table.clone());
        table
    }
}

pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
