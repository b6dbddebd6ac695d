//! Writes large objects to the database as their bytes arrive.

use tokio::sync::mpsc;

use crate::activity::Activity;
use crate::adapters::postgres::{PostgresError, Session};

use super::RestoreError;

/// A piece of one large object.
pub struct Part {
    pub oid: u32,
    pub offset: i64,
    pub bytes: Vec<u8>,
}

/// How many parts may wait for the session. Each has at most 64 KiB.
pub const QUEUE: usize = 16;

/// Writes the parts in order, each at its offset. The objects themselves exist already.
pub async fn write(
    session: Session,
    mut parts: mpsc::Receiver<Part>,
    activity: Activity,
) -> Result<(), RestoreError> {
    let fail = |oid: u32| {
        move |error| RestoreError::Copy {
            table: format!("large object {oid}"),
            source: PostgresError::Server(error),
        }
    };
    let mut statement = None;
    loop {
        let idle = activity.waiting("the session for large objects waits for parts of them");
        let Some(part) = parts.recv().await else { break };
        drop(idle);
        let what = format!("writing large object {}", part.oid);
        let _under_way = activity.statement(what, session.number());
        if statement.is_none() {
            let prepared = session.prepare("SELECT pg_catalog.lo_put($1, $2, $3)").await;
            statement = Some(prepared.map_err(fail(part.oid))?);
        }
        let Some(statement) = &statement else { return Err(RestoreError::PartEnded) };
        session
            .execute(statement, &[&part.oid, &part.offset, &part.bytes])
            .await
            .map_err(fail(part.oid))?;
        activity.moved(part.bytes.len());
    }
    session.close().await;
    Ok(())
}
