//! Counts the database rows that each index must hold documents for.

use super::Counts;
use crate::adapters::postgres::{PostgresError, Session};
use crate::schema::quote_identifier;
use crate::settings::{IndexRule, Rows};

/// The rows for each index whose table exists.
pub async fn count_rows(session: &Session, rules: &[IndexRule]) -> Result<Counts, PostgresError> {
    let mut counts = Counts::new();
    for rule in rules {
        let Some(rows) = &rule.rows else { continue };
        if !has_table(session, &rows.table).await? {
            continue;
        }
        let row = session.query_one(&query(rows), &[]).await?;
        counts.insert(rule.index.clone(), u64::try_from(row.get::<_, i64>(0)).unwrap_or(0));
    }
    Ok(counts)
}

/// Whether the database belongs to Wagtail 7.4 or newer. Releases 7.2 and 7.3 changed no table.
pub async fn is_of_wagtail_7_4(session: &Session) -> Result<bool, PostgresError> {
    has_table(session, "wagtailadmin_formstate").await
}

/// Makes the session read-only: the server refuses every change.
pub async fn make_read_only(session: &Session) -> Result<(), PostgresError> {
    let settings = "SET default_transaction_read_only = on; SET statement_timeout = '60s'";
    Ok(session.batch_execute(settings).await?)
}

async fn has_table(session: &Session, table: &str) -> Result<bool, PostgresError> {
    let there = "SELECT EXISTS (SELECT 1 FROM pg_class WHERE oid = to_regclass($1) \
                 AND relkind IN ('r', 'p', 'v', 'm', 'f'))";
    Ok(session.query_one(there, &[&quoted(table)]).await?.get(0))
}

fn query(rows: &Rows) -> String {
    let table = quoted(&rows.table);
    match &rows.column {
        None => format!("SELECT count(*) FROM {table}"),
        Some((column, true)) => {
            format!("SELECT count(*) FROM {table} WHERE {} IS TRUE", quote_identifier(column))
        }
        Some((column, false)) => {
            format!("SELECT count(*) FROM {table} WHERE {} IS NOT TRUE", quote_identifier(column))
        }
    }
}

/// `"table"` or `"schema"."table"`.
fn quoted(table: &str) -> String {
    let parts: Vec<String> = table.split('.').map(quote_identifier).collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_always_quoted() {
        let rows = Rows { table: "a\".b".to_owned(), column: Some(("c\"d".to_owned(), false)) };
        let expected = "SELECT count(*) FROM \"a\"\"\".\"b\" WHERE \"c\"\"d\" IS NOT TRUE";
        assert_eq!(query(&rows), expected);
    }
}
