//! Waits until no transaction can see the rows from before a scrub.
//!
//! VACUUM FULL keeps every row version that a transaction may still see, without a message.
//! Versions are held back by snapshots in this database, by replication slots, and by open
//! transactions that have written in any database of the server. After the last of them has ended,
//! no new one can see the old rows.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::adapters::postgres::{PostgresError, Session};
use crate::events::{Event, Reporter};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// When bcops reports what it waits for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A session, transaction or slot that holds old versions back.
pub struct Holder {
    pub description: String,
    /// The SQL that ends it.
    pub end: Option<String>,
}

/// Waits until every transaction sees what was committed before this call. Returns what still holds
/// old versions back after `limit`.
pub async fn wait_until_gone(
    session: &Session,
    limit: Duration,
    reporter: &dyn Reporter,
) -> Result<Option<Holder>, PostgresError> {
    let row = session
        .query_one(
            "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text",
            &[],
        )
        .await?;
    let scrubbed: Number = number(row.get(0));
    let (began, mut pause, mut is_told) = (Instant::now(), FIRST_PAUSE, false);
    loop {
        let Some(holder) = holder(session, scrubbed).await? else { return Ok(None) };
        if began.elapsed() >= limit {
            return Ok(Some(holder));
        }
        if began.elapsed() >= PATIENCE && !is_told {
            let text =
                format!("{} may still see the old rows; waiting for its end", holder.description);
            reporter.emit(Event::Note(text));
            is_told = true;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The number of a transaction as the server stores it: the lower half of the whole one.
type Number = u32;

fn number(whole: &str) -> Number {
    whole.parse::<u64>().map_or(0, |whole| whole as u32)
}

/// Transaction numbers wrap around: half of the circle is the past.
fn is_before(number: Number, mark: Number) -> bool {
    number.wrapping_sub(mark).cast_signed() < 0
}

/// Finds a holder from before the mark.
async fn holder(session: &Session, mark: Number) -> Result<Option<Holder>, PostgresError> {
    // A lazy VACUUM has a snapshot that holds nothing back.
    let sessions = "SELECT a.pid, a.usename::text, a.application_name, a.datname::text, a.backend_xid::text, \
           CASE WHEN a.datname IS NULL OR a.datname = pg_catalog.current_database() \
             THEN a.backend_xmin::text END \
         FROM pg_catalog.pg_stat_activity a \
         WHERE a.pid <> pg_catalog.pg_backend_pid() AND NOT EXISTS ( \
           SELECT FROM pg_catalog.pg_stat_progress_vacuum v WHERE v.pid = a.pid) \
         ORDER BY a.xact_start NULLS LAST";
    for row in session.query(sessions, &[]).await? {
        let numbers = [row.get::<_, Option<&str>>(4), row.get(5)];
        if numbers.into_iter().flatten().any(|one| is_before(number(one), mark)) {
            return Ok(Some(process(&row)));
        }
    }
    let others = "SELECT pg_catalog.format('the prepared transaction %s of the database %s', gid, database), \
           transaction::text, pg_catalog.format('ROLLBACK PREPARED %L', gid) \
         FROM pg_catalog.pg_prepared_xacts \
         UNION ALL SELECT pg_catalog.format('the replication slot %s', slot_name), xmin::text, NULL \
         FROM pg_catalog.pg_replication_slots WHERE xmin IS NOT NULL";
    for row in session.query(others, &[]).await? {
        if is_before(number(row.get(1)), mark) {
            return Ok(Some(Holder { description: row.get(0), end: row.get(2) }));
        }
    }
    let own = "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text";
    let own = session.query_one(own, &[]).await?;
    Ok(is_before(number(own.get(0)), mark).then(|| Holder {
        description: "a transaction that this user cannot see".to_owned(),
        end: None,
    }))
}

fn process(row: &tokio_postgres::Row) -> Holder {
    let pid: i32 = row.get(0);
    let mut description = format!("process {pid}");
    if let Some(user) = row.get::<_, Option<String>>(1) {
        description.push_str(&format!(" of {user}"));
    }
    if let Some(name) = row.get::<_, Option<String>>(2).filter(|name| !name.is_empty()) {
        description.push_str(&format!(" ({name})"));
    }
    if let Some(database) = row.get::<_, Option<String>>(3) {
        description.push_str(&format!(" in the database {database}"));
    }
    Holder { description, end: Some(format!("SELECT pg_terminate_backend({pid})")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_in_a_circle() {
        assert!(is_before(number("41"), number("42")));
        assert!(!is_before(number("42"), number("42")));
        assert!(!is_before(number("43"), number("42")));
        // 4294967296 is the first of the second round.
        assert!(is_before(number("4294967290"), number("4294967300")));
        assert!(!is_before(number("4294967300"), number("4294967290")));
    }
}
