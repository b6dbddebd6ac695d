//! Runs the statements of entries: as pg_dump wrote them, and if that fails with the search path
//! of the site. What fails both ways may succeed once more is there.

use tokio_postgres::error::SqlState;

use crate::adapters::postgres::{PostgresError, Session};
use crate::archive::{TocEntry, not_null};

use super::unbuilt::{Unbuilt, may_succeed_later};
use super::{RestoreError, RestorePlan};

/// An entry that failed so far.
#[derive(Debug)]
pub struct Deferred {
    /// In the TOC.
    index: usize,
    sql: String,
    error: PostgresError,
}

impl Deferred {
    /// As the failure of the whole load.
    pub fn into_failure(self, plan: &RestorePlan) -> RestoreError {
        let entry = plan.entry(self.index).map(TocEntry::describe).unwrap_or_default();
        RestoreError::Statement { entry, source: self.error }
    }

    /// Whether the rows do not need it.
    pub fn can_wait(&self, plan: &RestorePlan) -> bool {
        self.unbuilt(plan).is_some()
    }

    fn unbuilt(&self, plan: &RestorePlan) -> Option<Unbuilt> {
        let entry = plan.entry(self.index)?;
        Unbuilt::of(entry, &self.error, plan.with_site_path(entry, &self.sql))
    }
}

/// Runs one entry. Gives it back if it may succeed later.
///
/// # Errors
///
/// A failure that more objects or rows do not heal: a lost connection, a full disk, rows that
/// contradict a key.
pub async fn execute(
    session: &Session,
    plan: &RestorePlan,
    index: usize,
) -> Result<Option<Deferred>, RestoreError> {
    let sql = plan.entry(index).and_then(|entry| entry.definition.as_deref());
    execute_sql(session, plan, index, sql.unwrap_or_default()).await
}

/// The same with SQL that stands for the entry's own.
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

/// Tries entries again, in the order of the TOC, for as long as any of them succeeds. Gives those
/// that are left.
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

/// What a database is whole without.
///
/// # Errors
///
/// The first entry that a database cannot be without.
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
