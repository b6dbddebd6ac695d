//! Counts the rows in a database, and compares them with the rows that were sent.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::RestoreError;
use super::pump::PumpReport;
use crate::adapters::postgres::{PostgresError, Session};
use crate::schema::TableName;

/// How many tables one statement counts. One statement per table would cost a round trip each.
pub const AT_ONCE: usize = 200;

/// The rows of each table, by `schema.name`. Partitions are counted with their table, because a row
/// may land in another partition than it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowsByTable(pub BTreeMap<String, u64>);

/// A table that has a wrong number of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowDifference {
    pub table: String,
    /// `None` if the table should not exist.
    pub expected: Option<u64>,
    /// `None` if the table does not exist.
    pub found: Option<u64>,
}

impl RowsByTable {
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// How `found` differs from these expected rows, table by table.
    pub fn differences(&self, found: &RowsByTable) -> Vec<RowDifference> {
        let names: std::collections::BTreeSet<&String> =
            self.0.keys().chain(found.0.keys()).collect();
        let difference = |name: &String| {
            let (expected, found) = (self.0.get(name).copied(), found.0.get(name).copied());
            (expected != found).then(|| RowDifference { table: name.clone(), expected, found })
        };
        names.into_iter().filter_map(difference).collect()
    }
}

/// A table or partition, and the table that its rows are counted with.
pub struct Counted {
    table: TableName,
    root: TableName,
}

/// Lists every table of the database, except those of extensions.
pub async fn list(session: &Session) -> Result<Vec<Counted>, PostgresError> {
    let rows = session
        .query(
            "SELECT n.nspname::text, c.relname::text, rn.nspname::text, r.relname::text \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_class r ON r.oid = \
               coalesce(pg_catalog.pg_partition_root(c.oid), c.oid) \
             JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace \
             WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' \
               AND n.nspname NOT IN ('information_schema', '_heroku') \
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid \
                 AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e') \
             ORDER BY 1, 2",
            &[],
        )
        .await?;
    let name = |row: &tokio_postgres::Row, at: usize| {
        TableName::new(row.get::<_, String>(at), row.get::<_, String>(at + 1))
    };
    Ok(rows.iter().map(|row| Counted { table: name(row, 0), root: name(row, 2) }).collect())
}

/// Counts the rows of every table, except tables of extensions.
pub async fn count(session: &Session) -> Result<RowsByTable, PostgresError> {
    let mut rows = RowsByTable::default();
    count_listed(session, &list(session).await?, &mut rows).await?;
    Ok(rows)
}

/// Adds the row counts of these tables to the result.
pub async fn count_listed(
    session: &Session,
    tables: &[Counted],
    result: &mut RowsByTable,
) -> Result<(), PostgresError> {
    for tables in tables.chunks(AT_ONCE) {
        let counts: Vec<String> = tables
            .iter()
            .enumerate()
            .map(|(at, one)| {
                let name = one.table.quoted();
                format!("SELECT {at}, pg_catalog.count(*) FROM ONLY {name}")
            })
            .collect();
        for row in session.query(&counts.join(" UNION ALL "), &[]).await? {
            let at = usize::try_from(row.get::<_, i32>(0)).ok();
            let Some(one) = at.and_then(|at| tables.get(at)) else { continue };
            let rows = u64::try_from(row.get::<_, i64>(1)).unwrap_or_default();
            *result.0.entry(one.root.to_string()).or_default() += rows;
        }
    }
    Ok(())
}

/// Compares the rows that were sent with those in the database, before any other statement changes
/// them.
pub async fn compare(session: &Session, report: &PumpReport) -> Result<(), RestoreError> {
    let tables = list(session).await?;
    let roots: HashMap<&TableName, &TableName> =
        tables.iter().map(|one| (&one.table, &one.root)).collect();
    let mut sent = RowsByTable::default();
    for (table, counts) in &report.tables {
        let root = roots.get(table).copied().unwrap_or(table);
        *sent.0.entry(root.to_string()).or_default() += counts.kept;
    }
    let mut found = RowsByTable::default();
    count_listed(session, &tables, &mut found).await?;
    // A table without its own block in the archive should have no rows.
    let wrong = sent
        .differences(&found)
        .into_iter()
        .find(|one| one.expected.unwrap_or_default() != one.found.unwrap_or_default());
    match wrong {
        None => Ok(()),
        Some(RowDifference { table, expected, found }) => Err(RestoreError::RowCount {
            table,
            sent: expected.unwrap_or_default(),
            counted: found.unwrap_or_default(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_surplus_rows_and_tables_differ() {
        let rows = |pairs: &[(&str, u64)]| {
            RowsByTable(pairs.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect())
        };
        let expected = rows(&[("public.a", 1), ("public.b", 2), ("public.c", 0)]);
        let found = rows(&[("public.a", 1), ("public.b", 3), ("public.d", 0)]);
        let differences = expected.differences(&found);
        let told: Vec<(&str, Option<u64>, Option<u64>)> =
            differences.iter().map(|one| (one.table.as_str(), one.expected, one.found)).collect();
        assert_eq!(
            told,
            [
                ("public.b", Some(2), Some(3)),
                ("public.c", Some(0), None),
                ("public.d", None, Some(0))
            ]
        );
        assert_eq!(expected.total(), 3);
        let text = serde_json::to_string(&expected).unwrap();
        assert_eq!(serde_json::from_str::<RowsByTable>(&text).unwrap(), expected);
    }
}
