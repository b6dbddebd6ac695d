//! Switches off triggers and rewrite rules of the database, so a scrub does not run them.
//!
//! A trigger that writes history would copy the old values elsewhere, and a rule can cancel a
//! deletion. A pull loads rows before there are triggers and rules. They are off during the
//! transaction, and are switched on again, each in its own mode, before it ends.

use super::LiveError;
use super::statements::ROW;
use crate::adapters::postgres::Session;
use crate::schema::{TableName, quote_identifier};

/// What was switched off, as the statements that switch it on again.
#[derive(Debug, Default)]
pub(super) struct Silenced {
    undo: Vec<(TableName, String)>,
}

/// Switches off the triggers and rules of these tables.
pub(super) async fn silence(
    session: &Session,
    tables: &[TableName],
) -> Result<Silenced, LiveError> {
    let schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    // A partitioned table's triggers have copies on its partitions, which are switched off by name
    // like others. Internal triggers are foreign keys and must stay on.
    let rows = session
        .query(
            &format!(
                "SELECT n.nspname::text, c.relname::text, 'TRIGGER', {ROW}.tgname::text, {ROW}.tgenabled::text \
                 FROM pg_catalog.pg_trigger {ROW} \
                 JOIN pg_catalog.pg_class c ON c.oid = {ROW}.tgrelid \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 JOIN ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) w(s, r) \
                   ON w.s = n.nspname AND w.r = c.relname \
                 WHERE NOT {ROW}.tgisinternal AND {ROW}.tgenabled <> 'D' \
                 UNION ALL \
                 SELECT n.nspname::text, c.relname::text, 'RULE', {ROW}.rulename::text, {ROW}.ev_enabled::text \
                 FROM pg_catalog.pg_rewrite {ROW} \
                 JOIN pg_catalog.pg_class c ON c.oid = {ROW}.ev_class \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 JOIN ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) w(s, r) \
                   ON w.s = n.nspname AND w.r = c.relname \
                 WHERE {ROW}.ev_type <> '1' AND {ROW}.ev_enabled <> 'D' \
                 ORDER BY 1, 2, 3, 4"
            ),
            &[&schemas, &names],
        )
        .await?;
    let mut silenced = Silenced::default();
    for row in rows {
        let table = TableName::new(row.get::<_, String>(0), row.get::<_, String>(1));
        let (kind, name): (String, String) = (row.get(2), row.get(3));
        let how = match row.get::<_, String>(4).as_str() {
            "A" => "ENABLE ALWAYS",
            "R" => "ENABLE REPLICA",
            _ => "ENABLE",
        };
        let name = quote_identifier(&name);
        let alter = format!("ALTER TABLE ONLY {}", table.quoted());
        execute(session, &table, &format!("{alter} DISABLE {kind} {name}")).await?;
        silenced.undo.push((table, format!("{alter} {how} {kind} {name}")));
    }
    Ok(silenced)
}

impl Silenced {
    /// Switches everything on again, each in its own mode.
    pub(super) async fn undo(self, session: &Session) -> Result<(), LiveError> {
        for (table, statement) in self.undo {
            execute(session, &table, &statement).await?;
        }
        Ok(())
    }
}

async fn execute(session: &Session, table: &TableName, statement: &str) -> Result<(), LiveError> {
    session.batch_execute(statement).await.map_err(|error| LiveError::Statement {
        table: table.clone(),
        action: "temporarily switch off triggers and rules of",
        source: error.into(),
    })
}
