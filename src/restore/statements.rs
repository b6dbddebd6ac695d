//! Runs the statements of entries: first as pg_dump wrote them, then, if that fails, with the
//! site's search path. A statement that fails both ways may succeed once more objects exist.

use tokio_postgres::error::SqlState;

use crate::adapters::postgres::{PostgresError, Session};
use crate::archive::{TocEntry, not_null};

use super::unbuilt::{Unbuilt, may_succeed_later};
use super::{RestoreError, RestorePlan};

/// An entry that has failed so far.
#[derive(Debug)]
pub struct Deferred {
    /// The index in the TOC.
    index: usize,
    sql: String,
    error: PostgresError,
}

impl Deferred {
    /// The error if the whole load fails because of this entry.
    pub fn into_failure(self, plan: &RestorePlan) -> RestoreError {
        let entry = plan.entry(self.index).map(TocEntry::describe).unwrap_or_default();
        RestoreError::Statement { entry, source: self.error }
    }

    /// Whether the rows can be loaded without this entry.
    pub fn can_wait(&self, plan: &RestorePlan) -> bool {
        self.unbuilt(plan).is_some()
    }

    fn unbuilt(&self, plan: &RestorePlan) -> Option<Unbuilt> {
        let entry = plan.entry(self.index)?;
        Unbuilt::of(entry, &self.error, plan.with_site_path(entry, &self.sql))
    }
}

/// Runs one entry. Returns the entry if it failed and may succeed later.
///
/// # Errors
///
/// A failure that more objects or rows cannot fix: a lost connection, a full disk, rows that break
/// a key.
pub async fn execute(
    session: &Session,
    plan: &RestorePlan,
    index: usize,
) -> Result<Option<Deferred>, RestoreError> {
    let sql = plan.entry(index).and_then(|entry| entry.definition.as_deref());
    execute_sql(session, plan, index, sql.unwrap_or_default()).await
}

/// The same with SQL that replaces the entry's own.
pub async fn execute_sql(
    session: &Session,
    plan: &RestorePlan,
    index: usize,
    sql: &str,
) -> Result<Option<Deferred>, RestoreError> {
    let Some(entry) = plan.entry(index) else { return Err(RestoreError::PartEnded) };
    let Err(first) = session.batch_execute(&plan.as_archived(entry, sql)).await else {
        return Ok(None);
    };
    let mut failed = Deferred { index, sql: sql.to_owned(), error: PostgresError::Server(first) };
    if failed.error.code() == Some(&SqlState::SYNTAX_ERROR)
        && let Some(check) = not_null::as_check(sql)
    {
        failed.sql = check;
    }
    if may_succeed_later(&failed.error) {
        let with_path = plan.with_site_path(entry, &failed.sql);
        let Err(error) = session.batch_execute(&with_path).await else { return Ok(None) };
        failed.error = PostgresError::Server(error);
    }
    match may_succeed_later(&failed.error) {
        true => Ok(Some(failed)),
        false => Err(failed.into_failure(plan)),
    }
}

/// Tries entries again, in TOC order, until none of them succeeds any more. Returns the rest.
pub async fn try_again(
    session: &Session,
    plan: &RestorePlan,
    mut entries: Vec<Deferred>,
) -> Result<Vec<Deferred>, RestoreError> {
    loop {
        entries.sort_by_key(|one| one.index);
        let before = entries.len();
        let mut left = Vec::new();
        for one in entries {
            left.extend(execute_sql(session, plan, one.index, &one.sql).await?);
        }
        if left.is_empty() || left.len() == before {
            return Ok(left);
        }
        entries = left;
    }
}

/// Converts failed entries to [`Unbuilt`] ones, which a database is complete without.
///
/// # Errors
///
/// The first entry that the database needs.
pub fn unbuilt(plan: &RestorePlan, failed: Vec<Deferred>) -> Result<Vec<Unbuilt>, RestoreError> {
    let mut unbuilt = Vec::new();
    for one in failed {
        match one.unbuilt(plan) {
            Some(entry) => unbuilt.push(entry),
            None => return Err(one.into_failure(plan)),
        }
    }
    Ok(unbuilt)
}
