//! Counts rows by table, in a live database and in a backup.

use std::collections::BTreeMap;
use std::io::Read;

use crate::adapters::postgres::{PostgresError, Session};
use crate::archive::{ArchiveReader, Block};
use crate::reset::accounts::StoredError;
use crate::schema::TableName;
use crate::scrub::{BATCH, Framer};

pub(super) type Counts = BTreeMap<String, u64>;

const TABLES: &str = "\
SELECT c.relname::text FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1";

/// Counts the rows of every table of the schema `public`.
pub(super) async fn live(session: &Session) -> Result<Counts, PostgresError> {
    let mut counts = Counts::new();
    for row in session.query(TABLES, &[]).await? {
        let name: String = row.get(0);
        let sql = format!("SELECT count(*) FROM {}", TableName::public(name.as_str()).quoted());
        let rows = session.query(&sql, &[]).await?;
        let count = rows.first().map_or(0, |row| row.get::<_, i64>(0));
        counts.insert(name, u64::try_from(count).unwrap_or(0));
    }
    Ok(counts)
}

/// Counts the rows in a backup, which is read to its end.
pub(super) fn stored(reader: impl Read) -> Result<Counts, StoredError> {
    let mut archive = ArchiveReader::open(reader)?;
    let mut counts = Counts::new();
    for entry in archive.toc().clone().table_data() {
        let table = entry.table_name();
        if table.schema == "public" {
            counts.insert(table.name.clone(), 0);
        }
    }
    while let Some(block) = archive.next_block()? {
        let Block::Table(mut block) = block else { continue };
        let table = block.entry().table_name();
        let mut rows = 0;
        let mut framer = Framer::new(&table);
        while block.read_into(framer.buffer(), BATCH)? > 0 {
            if let Some(complete) = framer.complete_rows()? {
                rows += complete.iter().filter(|byte| **byte == b'\n').count() as u64;
            }
        }
        if let Some(count) = counts.get_mut(&table.name).filter(|_| table.schema == "public") {
            *count = rows;
        }
    }
    Ok(counts)
}
