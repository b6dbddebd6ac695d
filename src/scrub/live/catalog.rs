//! Reads a live database's schema from the server's catalog, into the types of [`crate::schema`].
//!
//! The result must equal what the archive's reader makes of a dump of this database, so a
//! manifest has the same findings in both places. Like in a dump, dropped columns, temporary tables
//! and the server's own tables are missing. Tables of extensions are included only if the extension
//! marks them as configuration, because only those are in a dump.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::{GenericClient, Row};

use super::LiveError;
use super::demands;
use crate::schema::{Column, Creator, ForeignKey, Schema, Table, TableName, UniqueKey};

/// A schema, and facts that only a live database has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveSchema {
    pub schema: Schema,
    /// Tables without rows of their own: their partitions hold the rows.
    pub partitioned: BTreeSet<TableName>,
    /// Populated materialized views. Each comes after the views that it reads.
    pub materialized_views: Vec<TableName>,
    /// The columns of those views.
    pub views: BTreeMap<TableName, Table>,
    /// Tables whose rows are on another server. No rule reaches them.
    pub foreign_tables: Vec<TableName>,
    /// Tables of extensions that have text columns and whose rows are not in a dump.
    pub extension_tables: Vec<TableName>,
}

/// The relations that count: without temporary relations and the server's own, and of an extension
/// only those whose rows are in a dump.
pub(super) const RELATIONS: &str = "SELECT c.oid, c.relkind, n.nspname, c.relname, c.relispartition, \
     c.relispopulated, x.objid IS NOT NULL AS of_extension FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     LEFT JOIN pg_catalog.pg_depend x ON x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
       AND x.objid = c.oid AND x.objsubid = 0 AND x.deptype = 'e' \
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence <> 't' \
     AND (x.objid IS NULL OR c.relkind IN ('r', 'p') AND EXISTS (SELECT FROM pg_catalog.pg_extension e \
       WHERE c.oid = ANY (e.extconfig)))";

/// Reads the schema. The caller has emptied the session's search path, so the server writes
/// type names in full.
pub async fn read_live_schema(client: &impl GenericClient) -> Result<LiveSchema, LiveError> {
    let mut live = LiveSchema::default();
    read_columns(client, &mut live).await?;
    read_unique_keys(client, &mut live.schema).await?;
    read_foreign_keys(client, &mut live.schema).await?;
    demands::read(client, &mut live.schema).await?;
    live.materialized_views = read_materialized_views(client).await?;
    let populated = &live.materialized_views;
    live.views.retain(|name, _| populated.contains(name));
    live.extension_tables = read_extension_tables(client).await?;
    let objects = "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)";
    live.schema.has_large_objects = client.query_one(objects, &[]).await?.get(0);
    Ok(live)
}

async fn read_columns(client: &impl GenericClient, live: &mut LiveSchema) -> Result<(), LiveError> {
    let rows = client
        .query(
            &format!(
                "WITH r AS ({RELATIONS}) \
                 SELECT r.nspname::text, r.relname::text, r.relkind::text, pn.nspname::text, p.relname::text, \
                   a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, \
                   a.attgenerated <> '', pg_catalog.col_description(r.oid, a.attnum::pg_catalog.int4), \
                   r.of_extension \
                 FROM r \
                 LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = r.oid AND r.relispartition \
                 LEFT JOIN pg_catalog.pg_class p ON p.oid = i.inhparent \
                 LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace \
                 LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 \
                   AND NOT a.attisdropped \
                 WHERE r.relkind IN ('r', 'p', 'f', 'm') ORDER BY r.oid, a.attnum"
            ),
            &[],
        )
        .await?;
    for row in rows {
        let name = TableName::new(text(&row, 0), text(&row, 1));
        let kind = text(&row, 2);
        if kind == "f" {
            if live.foreign_tables.last() != Some(&name) {
                live.foreign_tables.push(name);
            }
            continue;
        }
        if kind == "p" {
            live.partitioned.insert(name.clone());
        }
        let tables = if kind == "m" { &mut live.views } else { &mut live.schema.tables };
        let table = tables.entry(name).or_default();
        if row.get(10) {
            table.creator = Creator::Extension;
        }
        if let Some((schema, parent)) = optional_text(&row, 3).zip(optional_text(&row, 4)) {
            table.partition_of = Some(TableName::new(schema, parent));
        }
        // A table can have no columns.
        if let Some(name) = optional_text(&row, 5) {
            if let Some(comment) = optional_text(&row, 9) {
                table.comments.insert(name.clone(), comment);
            }
            table.columns.push(Column {
                name,
                type_name: text(&row, 6),
                not_null: row.get(7),
                generated: row.get(8),
            });
        }
    }
    Ok(())
}

async fn read_unique_keys(
    client: &impl GenericClient,
    schema: &mut Schema,
) -> Result<(), LiveError> {
    let rows = client
        .query(
            &format!(
                "WITH r AS ({RELATIONS}) \
                 SELECT r.nspname::text, r.relname::text, ic.relname::text, i.indisprimary, \
                   i.indexprs IS NOT NULL OR i.indpred IS NOT NULL, \
                   ARRAY(SELECT a.attname::text FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k \
                     JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum = i.indkey[k] ORDER BY k) \
                 FROM r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid \
                 JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid \
                 WHERE i.indisunique ORDER BY i.indexrelid"
            ),
            &[],
        )
        .await?;
    for row in rows {
        let table = TableName::new(text(&row, 0), text(&row, 1));
        let key = UniqueKey {
            name: text(&row, 2),
            columns: row.get(5),
            partial: row.get(4),
            primary: row.get(3),
        };
        if let Some(table) = schema.tables.get_mut(&table) {
            table.unique_keys.push(key);
        }
    }
    Ok(())
}

async fn read_foreign_keys(
    client: &impl GenericClient,
    schema: &mut Schema,
) -> Result<(), LiveError> {
    // A key that points to a partitioned table has a shadow for each partition. A shadow belongs to
    // the same table as its parent; a partition's inherited key does not.
    let rows = client
        .query(
            &format!(
                "WITH r AS ({RELATIONS}) \
                 SELECT r.nspname::text, r.relname::text, k.conname::text, fn.nspname::text, f.relname::text, \
                   ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY u(n, o) \
                     JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o), \
                   ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY u(n, o) \
                     JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.o) \
                 FROM r JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid AND k.contype = 'f' \
                 JOIN pg_catalog.pg_class f ON f.oid = k.confrelid \
                 JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace \
                 LEFT JOIN pg_catalog.pg_constraint pk ON pk.oid = k.conparentid \
                 WHERE pk.conrelid IS DISTINCT FROM k.conrelid ORDER BY k.oid"
            ),
            &[],
        )
        .await?;
    for row in rows {
        let table = TableName::new(text(&row, 0), text(&row, 1));
        let key = ForeignKey {
            name: text(&row, 2),
            columns: row.get(5),
            references: TableName::new(text(&row, 3), text(&row, 4)),
            referenced_columns: row.get(6),
        };
        if let Some(table) = schema.tables.get_mut(&table) {
            table.foreign_keys.push(key);
        }
    }
    Ok(())
}

/// The materialized views, sorted by how many others they read. A view cannot read one that was
/// made later, unless that one was replaced, which is impossible for materialized views. What they
/// read through plain views is resolved with the catalog.
async fn read_materialized_views(client: &impl GenericClient) -> Result<Vec<TableName>, LiveError> {
    let rows = client
        .query(
            &format!(
                "WITH RECURSIVE r AS ({RELATIONS}), \
                 reads AS (SELECT DISTINCT w.ev_class AS reader, d.refobjid AS source \
                   FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_depend d ON d.objid = w.oid \
                     AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
                     AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
                   WHERE d.refobjid <> w.ev_class), \
                 deep AS (SELECT reader, source, 1 AS depth FROM reads \
                   UNION SELECT d.reader, s.source, d.depth + 1 FROM deep d \
                     JOIN reads s ON s.reader = d.source WHERE d.depth < 64) \
                 SELECT r.nspname::text, r.relname::text FROM r \
                 WHERE r.relkind = 'm' AND r.relispopulated \
                 ORDER BY (SELECT pg_catalog.count(DISTINCT d.source) FROM deep d \
                   JOIN pg_catalog.pg_class c ON c.oid = d.source AND c.relkind = 'm' \
                   WHERE d.reader = r.oid), r.oid"
            ),
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| TableName::new(text(row, 0), text(row, 1))).collect())
}

async fn read_extension_tables(client: &impl GenericClient) -> Result<Vec<TableName>, LiveError> {
    let rows = client
        .query(
            "SELECT n.nspname::text, c.relname::text, a.attname::text, \
               pg_catalog.format_type(a.atttypid, a.atttypmod) \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_depend d ON d.objid = c.oid AND d.deptype = 'e' \
               AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
               AND NOT a.attisdropped \
             WHERE c.relkind IN ('r', 'p', 'f', 'm') AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension e \
               WHERE c.relkind IN ('r', 'p') AND c.oid = ANY (e.extconfig)) \
             ORDER BY 1, 2, a.attnum",
            &[],
        )
        .await?;
    let mut tables = Vec::new();
    for row in &rows {
        let (name, type_name) = (TableName::new(text(row, 0), text(row, 1)), text(row, 3));
        let column = Column { name: text(row, 2), type_name, not_null: false, generated: false };
        if column.can_hold_text() && tables.last() != Some(&name) {
            tables.push(name);
        }
    }
    Ok(tables)
}

impl LiveSchema {
    /// The tables that hold rows themselves.
    pub fn holding_rows(&self) -> impl Iterator<Item = (&TableName, &Table)> {
        self.schema.tables.iter().filter(|(name, _)| !self.partitioned.contains(*name))
    }

    /// The table's name for a statement. `ONLY` skips inheriting tables, which have their own
    /// rules. A partitioned table consists only of its partitions.
    pub fn relation(&self, table: &TableName) -> String {
        let only = if self.partitioned.contains(table) { "" } else { "ONLY " };
        format!("{only}{}", table.quoted())
    }
}

pub(super) fn text(row: &Row, column: usize) -> String {
    row.get(column)
}

fn optional_text(row: &Row, column: usize) -> Option<String> {
    row.get(column)
}
