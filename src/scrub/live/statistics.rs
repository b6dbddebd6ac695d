//! Removes the planner's statistics, which hold values of rows that no longer exist.
//!
//! The server samples every column and keeps the most common values and a histogram. They are not
//! in a dump, but a query of `pg_stats` shows them. TRUNCATE and DELETE do not change them, and
//! ANALYZE of an empty table keeps the old ones. A superuser deletes them directly. The owner of a
//! table removes them by changing a column's type to the type it already has.

use super::{LiveError, LiveSchema};
use crate::adapters::postgres::Session;
use crate::schema::{TableName, quote_identifier};

/// A table or materialized view with statistics.
struct Relation {
    oid: u32,
    name: TableName,
    kind: String,
    /// Whether the session's user may renew the statistics.
    owned: bool,
}

/// The given relations and their parents, each with itself and its indexes.
const HELD: &str = "WITH RECURSIVE up AS (SELECT c.oid FROM pg_catalog.pg_class c \
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
       JOIN ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) w(s, r) \
         ON w.s = n.nspname AND w.r = c.relname \
     UNION SELECT i.inhparent FROM up JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.oid), \
     held AS (SELECT oid AS owner, oid AS relation FROM up \
       UNION ALL SELECT up.oid, i.indexrelid FROM up JOIN pg_catalog.pg_index i ON i.indrelid = up.oid)";

/// The columns of one relation and of its indexes that have statistics. Keys that are numbers are
/// skipped: they are not personal data, and too much depends on them.
const COLUMNS: &str = "FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname \
     JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname \
     JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
     WHERE (c.oid = $1 OR c.oid IN (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = $1)) \
       AND NOT (t.typcategory = 'N' AND EXISTS (SELECT FROM pg_catalog.pg_constraint k \
         WHERE k.contype IN ('p', 'f') AND (k.conrelid = c.oid AND a.attnum = ANY (k.conkey) \
           OR k.confrelid = c.oid AND a.attnum = ANY (k.confkey))))";

/// Renews the statistics of changed tables and removes those of empty tables, if they have any.
/// Returns warnings about statistics that could not be removed.
pub(super) async fn renew(
    session: &Session,
    live: &LiveSchema,
    changed: &[TableName],
    emptied: &[TableName],
) -> Result<Vec<String>, LiveError> {
    let mut names: Vec<&TableName> = changed.iter().chain(emptied).collect();
    if !changed.is_empty() {
        names.extend(&live.materialized_views);
    }
    let relations = with_statistics(session, &names).await?;
    if relations.is_empty() {
        return Ok(Vec::new());
    }
    let cleared = clear_as_superuser(session, &relations).await?;
    let mut warnings = Vec::new();
    for relation in &relations {
        session.batch_execute(&format!("ANALYZE {}", relation.name.quoted())).await?;
        if !cleared {
            clear_as_owner(session, relation).await?;
        }
        warnings.extend(what_is_left(session, relation, cleared).await?);
    }
    Ok(warnings)
}

async fn with_statistics(
    session: &Session,
    names: &[&TableName],
) -> Result<Vec<Relation>, LiveError> {
    let schemas: Vec<&str> = names.iter().map(|name| name.schema.as_str()).collect();
    let tables: Vec<&str> = names.iter().map(|name| name.name.as_str()).collect();
    let query = format!(
        "{HELD} SELECT o.oid, n.nspname::text, o.relname::text, o.relkind::text, \
           pg_catalog.pg_has_role(o.relowner, 'USAGE') \
         FROM pg_catalog.pg_class o JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace \
         WHERE o.oid IN (SELECT h.owner FROM held h \
             JOIN pg_catalog.pg_class c ON c.oid = h.relation \
             JOIN pg_catalog.pg_namespace m ON m.oid = c.relnamespace \
             JOIN pg_catalog.pg_stats s ON s.schemaname = m.nspname AND s.tablename = c.relname) \
           OR EXISTS (SELECT FROM up JOIN pg_catalog.pg_stats_ext s ON s.schemaname = n.nspname \
             AND s.tablename = o.relname AND s.most_common_vals IS NOT NULL WHERE up.oid = o.oid) \
         ORDER BY 2, 3"
    );
    let rows = session.query(&query, &[&schemas, &tables]).await?;
    let relation = |row: &tokio_postgres::Row| Relation {
        oid: row.get(0),
        name: TableName::new(row.get::<_, String>(1), row.get::<_, String>(2)),
        kind: row.get(3),
        owned: row.get(4),
    };
    Ok(rows.iter().map(relation).collect())
}

/// Deletes statistics if the session's user is a superuser. Returns whether it did.
async fn clear_as_superuser(session: &Session, relations: &[Relation]) -> Result<bool, LiveError> {
    let superuser = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER";
    if !session.query_one(superuser, &[]).await?.get::<_, bool>(0) {
        return Ok(false);
    }
    let list: Vec<String> = relations.iter().map(|relation| relation.oid.to_string()).collect();
    let list = list.join(", ");
    let statement = format!(
        "DELETE FROM pg_catalog.pg_statistic WHERE starelid IN ({list}) OR starelid IN \
           (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid IN ({list})); \
         DELETE FROM pg_catalog.pg_statistic_ext_data WHERE stxoid IN \
           (SELECT oid FROM pg_catalog.pg_statistic_ext WHERE stxrelid IN ({list}))"
    );
    attempt(session, &statement).await
}

/// Removes what ANALYZE has kept, column by column, because a view on a column forbids it for that
/// column.
async fn clear_as_owner(session: &Session, relation: &Relation) -> Result<(), LiveError> {
    let only_switched_off = !is_empty(session, relation).await?;
    let query = format!(
        "SELECT DISTINCT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), \
           CASE WHEN a.attcollation <> t.typcollation THEN \
             (SELECT pg_catalog.format('COLLATE %I.%I', ln.nspname, l.collname) \
              FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace \
              WHERE l.oid = a.attcollation) END \
         {COLUMNS} AND c.oid = $1 AND a.attgenerated = '' AND a.attstorage = t.typstorage \
           AND COALESCE(pg_catalog.to_jsonb(a) OPERATOR(pg_catalog.->>) 'attcompression', '') = '' \
           AND (NOT $2 OR a.attstattarget = 0)"
    );
    for row in session.query(&query, &[&relation.oid, &only_switched_off]).await? {
        let (name, type_name): (String, String) = (row.get(0), row.get(1));
        let collation = row.get::<_, Option<String>>(2).unwrap_or_default();
        let statement = format!(
            "ALTER TABLE {} ALTER COLUMN {} TYPE {type_name} {collation}",
            relation.name.quoted(),
            quote_identifier(&name)
        );
        attempt(session, &statement).await?;
    }
    Ok(())
}

/// Warns about old values that can still be read.
async fn what_is_left(
    session: &Session,
    relation: &Relation,
    cleared: bool,
) -> Result<Option<String>, LiveError> {
    let stale = is_empty(session, relation).await? || (!relation.owned && !cleared);
    let query = format!(
        "SELECT pg_catalog.count(DISTINCT (c.oid, a.attnum)) {COLUMNS} \
         AND ($2 OR a.attstattarget = 0)"
    );
    let columns: i64 = session.query_one(&query, &[&relation.oid, &stale]).await?.get(0);
    let name = relation.name.short();
    Ok((columns > 0).then(|| {
        format!(
            "the planner's statistics of {name} still hold old values of {columns} of its \
             columns; to remove them, run as a superuser: DELETE FROM pg_statistic WHERE starelid = '{}'::regclass, \
             or load the database again from a backup",
            relation.name.quoted().replace('\'', "''")
        )
    }))
}

async fn is_empty(session: &Session, relation: &Relation) -> Result<bool, LiveError> {
    let only = if relation.kind == "p" { "" } else { "ONLY " };
    let query = format!("SELECT NOT EXISTS (SELECT FROM {only}{})", relation.name.quoted());
    Ok(session.query_one(&query, &[]).await?.get(0))
}

/// Runs a statement that may fail. Returns whether it succeeded.
async fn attempt(session: &Session, statement: &str) -> Result<bool, LiveError> {
    session.batch_execute("SAVEPOINT bcops_statistics").await?;
    let result = session.batch_execute(statement).await;
    let back = if result.is_err() { "ROLLBACK TO bcops_statistics; " } else { "" };
    session.batch_execute(&format!("{back}RELEASE bcops_statistics")).await?;
    Ok(result.is_ok())
}
