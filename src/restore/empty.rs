//! Lists what is in a database that a load could collide or mix with. An empty list means an empty
//! database.
//!
//! Objects of extensions do not count, nor do the schemas of a new database: `public` everywhere,
//! and on Heroku `heroku_ext`, which holds extensions, and `_heroku`, which only Heroku can empty.

use std::fmt;

use super::omissions::HEROKUS_OWN;
use crate::adapters::postgres::{PostgresError, Session, quote_literal};

/// How many names of each kind are shown.
const EXAMPLES: usize = 3;

/// What a database holds of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// As a plural, such as `tables`.
    pub kind: String,
    pub count: u64,
    pub examples: Vec<String>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dots = if self.examples.len() as u64 == self.count { "" } else { ", …" };
        write!(f, "{} {} ({}{dots})", self.count, self.kind, self.examples.join(", "))
    }
}

/// For each kind: its name, its catalog, the columns with name and schema, and a condition.
const KINDS: [(&str, &str, &str, &str, &str); 12] = [
    ("tables", "pg_class", "relname", "relnamespace", "relkind IN ('r', 'p')"),
    ("views", "pg_class", "relname", "relnamespace", "relkind IN ('v', 'm')"),
    ("sequences", "pg_class", "relname", "relnamespace", "relkind = 'S'"),
    ("foreign tables", "pg_class", "relname", "relnamespace", "relkind = 'f'"),
    // Skips the row type of each table, the array type of each type, and the multirange of each
    // range.
    (
        "types",
        "pg_type",
        "typname",
        "typnamespace",
        "typtype <> 'm' AND (typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class c \
          WHERE c.oid = x.typrelid AND c.relkind = 'c')) \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = x.oid)",
    ),
    ("functions", "pg_proc", "proname", "pronamespace", "true"),
    ("operators", "pg_operator", "oprname", "oprnamespace", "true"),
    ("collations", "pg_collation", "collname", "collnamespace", "true"),
    ("conversions", "pg_conversion", "conname", "connamespace", "true"),
    ("text search configurations", "pg_ts_config", "cfgname", "cfgnamespace", "true"),
    ("text search dictionaries", "pg_ts_dict", "dictname", "dictnamespace", "true"),
    ("extended statistics", "pg_statistic_ext", "stxname", "stxnamespace", "true"),
];

/// Everything in the database, by kind. The list is empty if the database is.
pub async fn contents(session: &Session) -> Result<Vec<Found>, PostgresError> {
    let own = quote_literal(HEROKUS_OWN);
    let mut parts: Vec<String> = KINDS
        .iter()
        .map(|(kind, catalog, name, schema, condition)| {
            format!(
                "SELECT '{kind}' AS kind, n.nspname || '.' || x.{name} AS name \
                 FROM pg_catalog.{catalog} x JOIN pg_catalog.pg_namespace n ON n.oid = x.{schema} \
                 WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {own}) \
                   AND {} AND {condition}",
                is_of_no_extension(catalog)
            )
        })
        .collect();
    parts.push(format!(
        "SELECT 'schemas', x.nspname FROM pg_catalog.pg_namespace x WHERE x.nspname !~ '^pg_' \
         AND x.nspname NOT IN ('information_schema', 'public', 'heroku_ext', {own}) AND {}",
        is_of_no_extension("pg_namespace")
    ));
    parts.push(
        "SELECT 'large objects', x.oid::text FROM pg_catalog.pg_largeobject_metadata x".to_owned(),
    );
    let sql = format!(
        "SELECT kind, pg_catalog.count(*), \
           (pg_catalog.array_agg(name::text ORDER BY name::text))[1:{EXAMPLES}] \
         FROM ({}) found GROUP BY kind ORDER BY kind",
        parts.join(" UNION ALL ")
    );
    let rows = session.query(&sql, &[]).await?;
    let found = rows.iter().map(|row| Found {
        kind: row.get(0),
        count: u64::try_from(row.get::<_, i64>(1)).unwrap_or_default(),
        examples: row.get(2),
    });
    Ok(found.collect())
}

fn is_of_no_extension(catalog: &str) -> String {
    format!(
        "NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = x.oid AND d.deptype = 'e' \
          AND d.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass)"
    )
}
