//! Reads what a live database demands of values, from the server's catalog: partition keys, CHECK
//! constraints and domains.

use tokio_postgres::GenericClient;

use super::LiveError;
use super::catalog::{RELATIONS, text};
use crate::archive::{check_of, mentioned_columns};
use crate::schema::{Domain, Schema, TableName};

pub(super) async fn read(
    client: &impl GenericClient,
    schema: &mut Schema,
) -> Result<(), LiveError> {
    read_partition_keys(client, schema).await?;
    read_checks(client, schema).await?;
    read_domains(client, schema).await
}

async fn read_partition_keys(
    client: &impl GenericClient,
    schema: &mut Schema,
) -> Result<(), LiveError> {
    let query = format!(
        "WITH r AS ({RELATIONS}) \
         SELECT r.nspname::text, r.relname::text, pg_catalog.pg_get_partkeydef(r.oid) \
         FROM r WHERE r.relkind = 'p'"
    );
    for row in client.query(&query, &[]).await? {
        let name = TableName::new(text(&row, 0), text(&row, 1));
        if let Some(table) = schema.tables.get_mut(&name) {
            table.partition_key = mentioned_columns(&text(&row, 2), &table.columns);
        }
    }
    Ok(())
}

async fn read_checks(client: &impl GenericClient, schema: &mut Schema) -> Result<(), LiveError> {
    let query = format!(
        "WITH r AS ({RELATIONS}) \
         SELECT r.nspname::text, r.relname::text, k.conname::text, pg_catalog.pg_get_constraintdef(k.oid) \
         FROM r JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid AND k.contype = 'c' \
         ORDER BY k.conname COLLATE \"C\""
    );
    for row in client.query(&query, &[]).await? {
        let name = TableName::new(text(&row, 0), text(&row, 1));
        if let Some(table) = schema.tables.get_mut(&name) {
            table.checks.extend(check_of(&text(&row, 2), &text(&row, 3)));
        }
    }
    Ok(())
}

async fn read_domains(client: &impl GenericClient, schema: &mut Schema) -> Result<(), LiveError> {
    let query = "SELECT pg_catalog.format_type(t.oid, NULL), \
           pg_catalog.format_type(t.typbasetype, t.typtypmod), t.typnotnull, \
           k.conname::text, pg_catalog.pg_get_constraintdef(k.oid) \
         FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
         LEFT JOIN pg_catalog.pg_constraint k ON k.contypid = t.oid AND k.contype = 'c' \
         WHERE t.typtype = 'd' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = t.oid \
             AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.deptype = 'e') \
         ORDER BY k.conname COLLATE \"C\"";
    for row in client.query(query, &[]).await? {
        let domain = schema.domains.entry(text(&row, 0)).or_insert_with(|| Domain {
            base_type: text(&row, 1),
            not_null: row.get(2),
            checks: Vec::new(),
        });
        let name: Option<String> = row.get(3);
        if let Some((name, definition)) = name.zip(row.get::<_, Option<String>>(4)) {
            domain.checks.extend(check_of(&name, &definition));
        }
    }
    Ok(())
}
