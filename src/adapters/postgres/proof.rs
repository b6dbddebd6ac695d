//! Asks two servers whether they are one: a lock with a random number, taken in a transaction on one
//! side and looked for from the other.
//!
//! Everything is sent as a simple query, and every lock is of one transaction, because a pooler in
//! between knows neither prepared statements nor sessions. Nothing is written on either side. From
//! the reference of PostgreSQL: `pg_locks` shows the locks of the whole server; an advisory lock of
//! one 64-bit key has the database's oid, the key's halves in `classid` and `objid`, and 1 in
//! `objsubid`.

use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use tokio_postgres::SimpleQueryMessage;

use super::{DatabaseUrl, PostgresError, Session, connect};

/// A server that takes longer for a catalog row is as good as absent.
const ANSWER: Duration = Duration::from_secs(20);

/// What a server says of the database that a session is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFingerprint {
    /// Made up by `initdb`: a copy of the server's files has the same. `None` where the role may
    /// not ask.
    pub system_identifier: Option<String>,
    /// Of the database, in its server.
    pub oid: u32,
    /// Whether the server follows another one.
    pub is_follower: bool,
}

impl DatabaseFingerprint {
    /// # Errors
    /// Where the server cannot be asked.
    pub async fn of(session: &Session) -> Result<DatabaseFingerprint, PostgresError> {
        let row = one_row(
            session,
            "SELECT oid::text, pg_is_in_recovery()::text FROM pg_database WHERE datname = current_database()",
        )
        .await?;
        let oid = row.first().and_then(|text| text.parse().ok()).unwrap_or_default();
        let is_follower = row.get(1).is_none_or(|text| text != "false");
        // A role may lack the permission, and a compatible server the function.
        let identifier =
            one_row(session, "SELECT system_identifier::text FROM pg_catalog.pg_control_system()");
        let system_identifier = match identifier.await {
            Ok(row) => row.into_iter().next().filter(|text| !text.is_empty()),
            Err(error) if error.code().is_some() => None,
            Err(error) => return Err(error),
        };
        Ok(DatabaseFingerprint { system_identifier, oid, is_follower })
    }

    /// Whether both are of one line of servers and one database in it. A fork answers so as well.
    pub fn is_of_one_line_with(&self, other: &DatabaseFingerprint) -> Option<bool> {
        let (own, other_id) = (self.system_identifier.as_ref()?, other.system_identifier.as_ref()?);
        Some(own == other_id && self.oid == other.oid)
    }
}

/// A lock with a random number, held until this is dropped.
pub struct HeldLock {
    session: Session,
    key: LockKey,
    pub fingerprint: DatabaseFingerprint,
}

/// The number of a lock, as `pg_locks` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockKey {
    high: u32,
    low: u32,
}

impl LockKey {
    fn random() -> LockKey {
        let mut bytes = [0; 8];
        // Without random numbers of the system the process's own are used: they only have to
        // differ from what others lock at this moment.
        if SystemRandom::new().fill(&mut bytes).is_err() {
            use std::hash::{BuildHasher, RandomState};
            bytes = RandomState::new().hash_one("bcops").to_be_bytes();
        }
        let key = u64::from_be_bytes(bytes);
        LockKey { high: (key >> 32) as u32, low: key as u32 }
    }

    /// As the 64-bit number that is locked.
    fn number(self) -> i64 {
        (u64::from(self.high) << 32 | u64::from(self.low)).cast_signed()
    }
}

impl HeldLock {
    /// # Errors
    /// Where the server cannot be reached, or does not give the lock.
    pub async fn take(url: &DatabaseUrl) -> Result<HeldLock, PostgresError> {
        let session = connect(url).await?;
        let fingerprint = DatabaseFingerprint::of(&session).await?;
        let key = LockKey::random();
        let number = key.number();
        let sql = format!("BEGIN; SELECT pg_try_advisory_xact_lock({number})::text");
        let row = one_row(&session, &sql).await?;
        if row.first().is_none_or(|text| text != "true") {
            return Err(PostgresError::Proof(
                "the server did not give an advisory lock".to_owned(),
            ));
        }
        Ok(HeldLock { session, key, fingerprint })
    }

    pub fn key(&self) -> LockKey {
        self.key
    }

    /// Whether the transaction that took the lock still holds it, as the server says.
    ///
    /// # Errors
    /// Where the server cannot be asked.
    pub async fn is_held(&self) -> Result<bool, PostgresError> {
        let LockKey { high, low } = self.key;
        let sql = format!(
            "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND granted \
             AND pid = pg_backend_pid() AND classid = {high} AND objid = {low} AND objsubid = 1"
        );
        let row = one_row(&self.session, &sql).await?;
        Ok(row.first().is_some_and(|text| text == "1"))
    }

    /// Gives the lock back.
    pub async fn release(self) {
        // The end of the session does it as well.
        let _ = self.session.batch_execute("ROLLBACK").await;
        self.session.close().await;
    }
}

/// What a session elsewhere sees of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    pub fingerprint: DatabaseFingerprint,
    /// The lock is held in the very database that was asked.
    pub is_here: bool,
    /// The lock is held in this server, in whatever database.
    pub is_in_server: bool,
}

impl Sighting {
    /// Looks for a lock in a transaction that can only read.
    ///
    /// # Errors
    /// Where the server cannot be reached or asked.
    pub async fn of(url: &DatabaseUrl, key: LockKey) -> Result<Sighting, PostgresError> {
        let session = connect(url).await?;
        let fingerprint = DatabaseFingerprint::of(&session).await?;
        let LockKey { high, low } = key;
        let sql = format!(
            "BEGIN READ ONLY; SELECT count(*) FILTER (WHERE database = {oid})::text, count(*)::text \
             FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = {high} \
             AND objid = {low} AND objsubid = 1",
            oid = fingerprint.oid
        );
        let row = one_row(&session, &sql).await?;
        let _ = session.batch_execute("ROLLBACK").await;
        session.close().await;
        let at_least_one = |text: Option<&String>| text.is_some_and(|text| text != "0");
        Ok(Sighting {
            fingerprint,
            is_here: at_least_one(row.first()),
            is_in_server: at_least_one(row.get(1)),
        })
    }
}

/// The first row of the last statement that has one, as text.
async fn one_row(session: &Session, sql: &str) -> Result<Vec<String>, PostgresError> {
    let answer = tokio::time::timeout(ANSWER, session.simple_query(sql)).await;
    let messages = answer.map_err(|_| {
        PostgresError::Proof(format!("the server did not answer within {} s", ANSWER.as_secs()))
    })??;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = rows.last().ok_or_else(|| {
        PostgresError::Proof("the server gave no row where there has to be one".to_owned())
    })?;
    Ok((0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_locked_as_its_halves_say() {
        let key = LockKey { high: 0xffff_fffe, low: 3 };
        assert_eq!(key.number(), -8_589_934_589);
        assert_ne!(LockKey::random(), LockKey::random());
    }

    #[test]
    fn one_line_of_servers_is_known_by_both_numbers() {
        let of = |id: Option<&str>, oid| DatabaseFingerprint {
            system_identifier: id.map(str::to_owned),
            oid,
            is_follower: false,
        };
        assert_eq!(of(Some("7"), 5).is_of_one_line_with(&of(Some("7"), 5)), Some(true));
        assert_eq!(of(Some("7"), 5).is_of_one_line_with(&of(Some("7"), 6)), Some(false));
        assert_eq!(of(Some("7"), 5).is_of_one_line_with(&of(Some("8"), 5)), Some(false));
        assert_eq!(of(None, 5).is_of_one_line_with(&of(Some("8"), 5)), None);
    }
}
