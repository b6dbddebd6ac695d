//! Asks the server, on a separate session, what a slow statement waits for.
//!
//! The session is opened when the first statement is slow, so an ordinary load does not need it. If
//! the server does not answer, the load continues, and the message has less detail.

use std::collections::HashMap;
use std::time::Duration;

use crate::activity::{Delay, Enquiry, Item};
use crate::adapters::postgres::{DatabaseUrl, PostgresError, Session, connect};

const PATIENCE: Duration = Duration::from_secs(5);

/// A role sees the details of its own sessions only. Other details are NULL.
const ASK: &str = "SELECT a.pid, a.wait_event_type::text, a.wait_event::text, \
    pg_catalog.pg_blocking_pids(a.pid), \
    (SELECT b.application_name::text FROM pg_catalog.pg_stat_activity b \
      WHERE b.pid = (pg_catalog.pg_blocking_pids(a.pid))[1]) \
    FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY($1)";

/// A COPY that waits for its client waits for this load, not for the server, so it does not count.
const RUNNING: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity \
    WHERE datname = pg_catalog.current_database() AND usename = current_user \
      AND application_name = 'bcops' AND pid <> pg_catalog.pg_backend_pid() \
      AND state = 'active' AND wait_event_type IS DISTINCT FROM 'Client')";

/// Asks the server during one load.
pub struct ServerEnquiry {
    url: DatabaseUrl,
    session: Option<Session>,
}

impl ServerEnquiry {
    pub fn new(url: DatabaseUrl) -> ServerEnquiry {
        ServerEnquiry { url, session: None }
    }

    async fn session(&mut self) -> Result<&Session, PostgresError> {
        let session = match self.session.take() {
            Some(session) if !session.is_closed() => session,
            _ => connect(&self.url).await?,
        };
        Ok(self.session.insert(session))
    }

    async fn delays(&mut self, pids: &[i32]) -> Result<HashMap<i32, Delay>, PostgresError> {
        let rows = self.session().await?.query(ASK, &[&pids]).await?;
        let delays = rows.iter().filter_map(|row| {
            let blockers = row.get::<_, Option<Vec<i32>>>(3).unwrap_or_default();
            let delay = delay(row.get(1), row.get(2), &blockers, row.get(4))?;
            Some((row.get(0), delay))
        });
        Ok(delays.collect())
    }

    async fn running(&mut self) -> Result<bool, PostgresError> {
        Ok(self.session().await?.query_one(RUNNING, &[]).await?.get(0))
    }
}

impl Enquiry for ServerEnquiry {
    async fn ask(&mut self, items: &[Item]) -> Vec<Option<Delay>> {
        let pids: Vec<i32> = items.iter().filter_map(|item| item.session).collect();
        if pids.is_empty() {
            return Vec::new();
        }
        let asked = tokio::time::timeout(PATIENCE, self.delays(&pids)).await;
        let Ok(Ok(delays)) = asked else {
            self.session = None;
            return Vec::new();
        };
        items.iter().map(|item| delays.get(&item.session?).cloned()).collect()
    }

    async fn is_anything_running(&mut self) -> bool {
        matches!(tokio::time::timeout(PATIENCE, self.running()).await, Ok(Ok(true)))
    }
}

fn delay(
    kind: Option<&str>,
    event: Option<&str>,
    blockers: &[i32],
    application: Option<&str>,
) -> Option<Delay> {
    if let Some(first) = blockers.first() {
        let name = match application {
            Some(name) if !name.is_empty() => format!(" ({name})"),
            _ => String::new(),
        };
        let more = match blockers.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let cause = format!("the statement waits for a lock of session {first}{name}{more}");
        return Some(Delay { cause, blocked: true });
    }
    let cause = match (kind?, event?) {
        ("Client", _) => "the server waits for rows from bcops".to_owned(),
        ("IO", event) => format!("the server waits for its disk ({event})"),
        (kind, event) => format!("the server waits for {kind} {event}"),
    };
    Some(Delay { cause, blocked: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_names_what_blocks_the_statement() {
        let told = |kind, event, blockers: &[i32], name| {
            delay(kind, event, blockers, name).map(|delay| (delay.cause, delay.blocked))
        };
        let lock = told(Some("Lock"), Some("relation"), &[41, 42], Some("psql"));
        let expected = "the statement waits for a lock of session 41 (psql) and 1 more".to_owned();
        assert_eq!(lock, Some((expected, true)));
        let disk = told(Some("IO"), Some("DataFileRead"), &[], None);
        let expected = "the server waits for its disk (DataFileRead)".to_owned();
        assert_eq!(disk, Some((expected, false)));
        assert_eq!(told(None, None, &[], None), None);
    }
}
