//! Writes the planned Site records, and verifies them.

use super::{Address, Change, SiteRecord, SitesError, TABLE, read, read_in};
use crate::adapters::postgres::{PostgresError, Session};
use crate::reset::records::{self, Access};

/// Writes the planned records in one transaction, and reads them back in it. It can be repeated
/// without any change.
///
/// # Errors
/// If a record matches neither the start nor the result of the plan.
pub async fn rewrite(session: &Session, changes: &[Change]) -> Result<(), SitesError> {
    records::begin(session, Access::Write).await?;
    let outcome = rewrite_in(session, changes).await;
    records::end(session, outcome).await
}

/// Checks that the records are as planned, and that there are no others.
pub async fn verify(session: &Session, changes: &[Change]) -> Result<(), SitesError> {
    let found = read(session).await?;
    match difference(&found, changes, |change, address| *address == change.to) {
        None => Ok(()),
        Some(difference) => Err(SitesError::NotRewritten { difference }),
    }
}

async fn rewrite_in(session: &Session, changes: &[Change]) -> Result<(), SitesError> {
    if read_in(session).await?.is_empty() {
        // The table itself may be missing.
        return match difference(&[], changes, |_, _| true) {
            None => Ok(()),
            Some(difference) => Err(SitesError::Changed { difference }),
        };
    }
    let lock = format!("LOCK TABLE public.{TABLE} IN SHARE ROW EXCLUSIVE MODE");
    session.batch_execute(&lock).await.map_err(PostgresError::from)?;
    let found = read_in(session).await?;
    let known =
        |change: &Change, address: &Address| *address == change.from || *address == change.to;
    if let Some(difference) = difference(&found, changes, known) {
        return Err(SitesError::Changed { difference });
    }
    write(session, changes).await?;
    let written = read_in(session).await?;
    match difference(&written, changes, |change, address| *address == change.to) {
        None => Ok(()),
        Some(difference) => Err(SitesError::NotRewritten { difference }),
    }
}

/// Writes in two passes, because the unique key over host and port is checked row by row, and two
/// records could not swap their hosts in one pass. No real host ends in `.invalid` (RFC 2606).
async fn write(session: &Session, changes: &[Change]) -> Result<(), PostgresError> {
    let moved: Vec<&Change> = changes.iter().filter(|change| change.changes_anything()).collect();
    let ids: Vec<i64> = moved.iter().map(|change| change.id).collect();
    let aside = format!(
        "UPDATE public.{TABLE} SET hostname = 'bcops-' || id || '.invalid' WHERE id = ANY($1::int8[])"
    );
    session.execute(&aside, &[&ids]).await?;
    let place = format!(
        "UPDATE public.{TABLE} SET hostname = $2::text, port = $3::int4 WHERE id = $1::int8"
    );
    for change in moved {
        session.execute(&place, &[&change.id, &change.to.hostname, &change.to.port]).await?;
    }
    Ok(())
}

/// The first difference from the plan. A record with another root page is another site.
fn difference(
    found: &[SiteRecord],
    changes: &[Change],
    is_right: impl Fn(&Change, &Address) -> bool,
) -> Option<String> {
    for change in changes {
        let Some(record) = found.iter().find(|record| record.id == change.id) else {
            return Some(format!("{} is missing", change.describe()));
        };
        if record.root_page_id != change.root_page_id {
            return Some(format!("{} has another root page", record.describe()));
        }
        let address = Address { hostname: record.hostname.clone(), port: record.port };
        if !is_right(change, &address) {
            return Some(format!("{} should become {}", record.describe(), change.to));
        }
    }
    let is_known = |record: &SiteRecord| changes.iter().any(|change| change.id == record.id);
    let other = found.iter().find(|record| !is_known(record))?;
    Some(format!("{} is not in the plan", other.describe()))
}
