//! Drops foreign keys that act at once, and adds them again before the transaction ends.
//!
//! Django's keys wait for the commit, so the order of statements does not matter. A key that cannot
//! wait would refuse a deletion that the next statement makes valid. A key that cascades would
//! delete rows that the rules keep. Adding a key again checks every row.
//!
//! Keys to tables that lose many rows are dropped as well, if the role owns both ends: the server
//! would look up each deleted row once for every key, and checks the key as a whole in a tenth of
//! the time.

use super::statements::Statements;
use super::{LiveError, PlannedChanges};
use crate::adapters::postgres::{Session, quote_literal};
use crate::schema::{TableName, quote_identifier};
use crate::scrub::rules::RowRule;

/// From this number of deleted rows on, it is faster to check a key as a whole.
const MANY_ROWS: u64 = 1000;

/// Keys that were dropped for the transaction.
#[derive(Debug, Default)]
pub(super) struct SetAside {
    keys: Vec<Key>,
}

#[derive(Debug)]
pub(super) struct Key {
    table: TableName,
    references: TableName,
    name: String,
    definition: String,
    comment: Option<String>,
    acts_at_once: bool,
    /// Whether this role may alter both tables.
    owned: bool,
}

/// Finds the keys to tables that lose rows, if they would act before the end of the transaction or
/// would take long. `expected` may be out of date: only speed depends on it.
pub(super) async fn find(
    session: &Session,
    statements: Statements<'_>,
    expected: &[PlannedChanges],
    emptied: &[TableName],
) -> Result<SetAside, LiveError> {
    let rows = session
        .query(
            "SELECT n.nspname::text, c.relname::text, fn.nspname::text, f.relname::text, k.conname::text, \
               pg_catalog.pg_get_constraintdef(k.oid), \
               pg_catalog.obj_description(k.oid, 'pg_constraint'), \
               NOT k.condeferrable OR k.confdeltype <> 'a' OR k.confupdtype <> 'a', \
               pg_catalog.pg_has_role(c.relowner, 'USAGE') AND pg_catalog.pg_has_role(f.relowner, 'USAGE') \
             FROM pg_catalog.pg_constraint k \
             JOIN pg_catalog.pg_class c ON c.oid = k.conrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_class f ON f.oid = k.confrelid \
             JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace \
             WHERE k.contype = 'f' AND k.conparentid = 0 ORDER BY k.oid",
            &[],
        )
        .await?;
    let keys = rows.iter().map(|row| Key {
        table: TableName::new(row.get::<_, String>(0), row.get::<_, String>(1)),
        references: TableName::new(row.get::<_, String>(2), row.get::<_, String>(3)),
        name: row.get(4),
        definition: row.get(5),
        comment: row.get(6),
        acts_at_once: row.get(7),
        owned: row.get(8),
    });
    let loses_rows = |name: &TableName| {
        let plan = statements.plan.table(name);
        plan.and_then(|plan| plan.rule.as_ref()).is_some_and(|rule| rule.rows != RowRule::Keep)
    };
    // An emptied table is truncated, which needs no lookups.
    let loses_many = |name: &TableName| {
        let many = |rows: &PlannedChanges| rows.table == *name && rows.to_delete >= MANY_ROWS;
        expected.iter().any(many) && !emptied.contains(name)
    };
    let keys = keys.filter(|key| {
        loses_rows(&key.references)
            && (key.acts_at_once || (key.owned && loses_many(&key.references)))
    });
    Ok(SetAside { keys: keys.collect() })
}

impl SetAside {
    /// The tables at both ends of the keys.
    pub(super) fn tables(&self) -> impl Iterator<Item = &TableName> {
        self.keys.iter().flat_map(|key| [&key.table, &key.references])
    }

    pub(super) async fn drop_all(&self, session: &Session) -> Result<(), LiveError> {
        for key in &self.keys {
            let statement = format!(
                "ALTER TABLE {} DROP CONSTRAINT {}",
                key.table.quoted(),
                quote_identifier(&key.name)
            );
            session.batch_execute(&statement).await.map_err(|error| LiveError::Statement {
                table: key.table.clone(),
                action: "temporarily drop a foreign key of",
                source: error.into(),
            })?;
        }
        Ok(())
    }

    pub(super) async fn add_again(self, session: &Session) -> Result<(), LiveError> {
        for key in self.keys {
            let (table, name) = (key.table.quoted(), quote_identifier(&key.name));
            let mut statement =
                format!("ALTER TABLE {table} ADD CONSTRAINT {name} {}", key.definition);
            if let Some(comment) = &key.comment {
                let comment = quote_literal(comment);
                statement
                    .push_str(&format!("; COMMENT ON CONSTRAINT {name} ON {table} IS {comment}"));
            }
            session.batch_execute(&statement).await.map_err(|error| LiveError::ForeignKey {
                table: key.table,
                name: key.name,
                source: error.into(),
            })?;
        }
        Ok(())
    }
}
