//! Reads back from the server that what was to be built is there and valid.

use crate::adapters::postgres::Session;

use super::{RestoreError, RestorePlan};

/// What the server says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inventory {
    pub tables: u64,
    pub indexes: u64,
    pub constraints: u64,
    pub foreign_keys: u64,
}

/// Counts what the database holds, and fails where something is missing or not valid.
pub async fn verify(session: &Session, plan: &RestorePlan) -> Result<Inventory, RestoreError> {
    let invalid = session
        .query(
            "SELECT i.indexrelid::regclass::text FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid AND c.relkind = 'i'",
            &[],
        )
        .await?;
    if let Some(row) = invalid.first() {
        let name: String = row.get(0);
        return Err(RestoreError::Incomplete(format!("the index {name} is not valid")));
    }
    let row = session
        .query_one(
            "WITH mine AS (SELECT c.oid, c.relkind FROM pg_catalog.pg_class c \
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid \
                 AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')), \
             keys AS (SELECT contype FROM pg_catalog.pg_constraint k JOIN mine ON mine.oid = k.conrelid) \
             SELECT (SELECT count(*) FROM mine WHERE relkind IN ('r', 'p')), \
               (SELECT count(*) FROM mine WHERE relkind IN ('i', 'I')), \
               (SELECT count(*) FROM keys WHERE contype IN ('p', 'u', 'x')), \
               (SELECT count(*) FROM keys WHERE contype = 'f')",
            &[],
        )
        .await?;
    let number = |at: usize| u64::try_from(row.get::<_, i64>(at)).unwrap_or_default();
    let inventory = Inventory {
        tables: number(0),
        indexes: number(1),
        constraints: number(2),
        foreign_keys: number(3),
    };
    let expected = |kind: &str| {
        plan.toc.entries().iter().filter(|entry| entry.entry_type == kind).count() as u64
    };
    // Partitions and partitioned keys make the server's numbers larger than the archive's.
    let checks = [
        ("tables", inventory.tables, expected("TABLE")),
        ("indexes", inventory.indexes, expected("INDEX")),
        ("keys", inventory.constraints, expected("CONSTRAINT")),
        ("foreign keys", inventory.foreign_keys, expected("FK CONSTRAINT")),
    ];
    for (what, found, wanted) in checks {
        if found < wanted {
            let text = format!("{found} {what} of {wanted} are there");
            return Err(RestoreError::Incomplete(text));
        }
    }
    Ok(inventory)
}
