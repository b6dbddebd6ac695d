//! Writes a row of a backup into a table whose columns may have changed since.

use tokio_postgres::types::ToSql;

use super::stored::StoredRow;
use crate::adapters::postgres::{PostgresError, Session, quote_literal};
use crate::reset::records::LiveColumn;
use crate::schema::{TableName, quote_identifier};

/// An INSERT of one row. Its values are text, each cast to the type of its column.
pub(super) struct Insert<'r> {
    table: String,
    columns: Vec<&'r LiveColumn>,
    values: Vec<Option<&'r str>>,
    /// Columns of the row that have a value and no longer exist in the table.
    pub left_out: Vec<&'r str>,
}

/// The column that needs a value, while the row has none.
pub(super) struct NoValue<'r>(pub &'r str);

/// How the column `id` is filled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Id {
    AsStored,
    /// The server's next id.
    New,
}

impl<'r> Insert<'r> {
    /// Builds the INSERT. The values in `given` override the row's.
    pub fn of(
        table: &str,
        columns: &'r [LiveColumn],
        row: &'r StoredRow,
        id: Id,
        given: &[(&str, &'r str)],
    ) -> Result<Insert<'r>, NoValue<'r>> {
        let mut insert = Insert {
            table: TableName::public(table).quoted(),
            columns: Vec::new(),
            values: Vec::new(),
            left_out: Vec::new(),
        };
        for column in columns.iter().filter(|column| !column.generated) {
            let given = given.iter().find(|(name, _)| *name == column.name);
            let value = match given {
                Some((_, value)) => Some(Some(*value)),
                None if column.name == "id" && id == Id::New => None,
                None => row.find(&column.name),
            };
            match value {
                // NULL is inserted if the column allows it, because the default may differ.
                Some(value) if value.is_some() || !column.not_null => {
                    insert.columns.push(column);
                    insert.values.push(value);
                }
                None if !column.not_null => {}
                _ if column.has_default => {}
                _ => return Err(NoValue(&column.name)),
            }
        }
        let is_there = |name: &str| columns.iter().any(|column| column.name == name);
        insert.left_out = row
            .columns()
            .filter(|name| {
                !is_there(name) && row.value(name).is_some_and(|value| !value.is_empty())
            })
            .collect();
        Ok(insert)
    }

    /// Returns the row's id as text.
    pub async fn run(&self, session: &Session) -> Result<String, PostgresError> {
        let names: Vec<String> =
            self.columns.iter().map(|column| quote_identifier(&column.name)).collect();
        let values: Vec<String> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| format!("${}::text::{}", index + 1, column.type_name))
            .collect();
        // Without OVERRIDING SYSTEM VALUE, an identity column that is GENERATED ALWAYS refuses a
        // given id.
        let sql = format!(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({}) RETURNING id::text",
            self.table,
            names.join(", "),
            values.join(", ")
        );
        let parameters: Vec<&(dyn ToSql + Sync)> =
            self.values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        Ok(session.query_one(&sql, &parameters).await?.get(0))
    }
}

/// Finds the sequences that make the ids of a table: those of its default and its identity, and any
/// sequence that it owns.
const SEQUENCES: &str = "WITH id AS (SELECT a.attrelid, a.attnum FROM pg_attribute a \
       WHERE a.attrelid = $1::text::regclass AND a.attname = 'id' AND NOT a.attisdropped) \
     SELECT s.oid::regclass::text FROM pg_class s WHERE s.relkind = 'S' AND s.oid IN ( \
       SELECT d.refobjid FROM id JOIN pg_attrdef f ON f.adrelid = id.attrelid AND f.adnum = id.attnum \
         JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid \
           AND d.refclassid = 'pg_class'::regclass \
       UNION SELECT d.objid FROM id JOIN pg_depend d ON d.refobjid = id.attrelid \
           AND d.refobjsubid = id.attnum AND d.classid = 'pg_class'::regclass \
           AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')) \
     ORDER BY 1";

/// Moves the sequences of a table's ids past every existing id, and never back. Sequences are not
/// part of a transaction, so after a rollback a moved sequence leaves a gap.
pub(super) async fn move_sequences_on(session: &Session, table: &str) -> Result<(), PostgresError> {
    let table = TableName::public(table).quoted();
    for row in session.query(SEQUENCES, &[&table]).await? {
        // The server has already quoted the name.
        let sequence: String = row.get(0);
        let literal = quote_literal(&sequence);
        let sql = format!(
            "SELECT setval({literal}::regclass, t.highest) \
             FROM (SELECT max(id)::int8 AS highest FROM {table}) t, {sequence} s \
             WHERE t.highest >= CASE WHEN s.is_called THEN s.last_value + 1 ELSE s.last_value END"
        );
        session.query(&sql, &[]).await?;
    }
    Ok(())
}
