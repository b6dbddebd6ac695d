//! Rewrites Wagtail's Site records, which come with production's database and have production's
//! host names.
//!
//! There are three steps. [`read`] reads the records. [`plan`] decides what each record becomes,
//! without side effects, and refuses what could not work. [`rewrite`] writes them in one
//! transaction. [`verify`] checks them again later.

mod error;
mod plan;
mod rewrite;
mod rules;

#[cfg(test)]
mod plan_test;

use serde::{Deserialize, Serialize};

use super::records::{self, Access, Tables};
use crate::adapters::postgres::{PostgresError, Session};

pub use error::SitesError;
pub use plan::{Change, Reason, plan};
pub use rewrite::{rewrite, verify};
pub use rules::{Address, HostRules};

const TABLE: &str = "wagtailcore_site";

/// A Site record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRecord {
    pub id: i64,
    pub hostname: String,
    pub port: i32,
    pub site_name: String,
    /// No constraint of the database limits this to one record.
    pub is_default_site: bool,
    pub root_page_id: i64,
}

impl SiteRecord {
    /// The name of the record in messages.
    fn describe(&self) -> String {
        format!("the site {} ({}:{})", self.id, self.hostname, self.port)
    }
}

/// Reads the records by id, in a read-only transaction. Empty for a site without the table.
pub async fn read(session: &Session) -> Result<Vec<SiteRecord>, PostgresError> {
    records::begin(session, Access::Read).await?;
    let outcome = read_in(session).await;
    records::end(session, outcome).await
}

/// Reads the records in the present transaction.
async fn read_in(session: &Session) -> Result<Vec<SiteRecord>, PostgresError> {
    if !Tables::read(session, &[TABLE]).await?.has(TABLE) {
        return Ok(Vec::new());
    }
    let rows = session
        .query(
            "SELECT id::int8, hostname::text, port::int4, coalesce(site_name::text, ''), \
               is_default_site, root_page_id::int8 \
             FROM public.wagtailcore_site ORDER BY id",
            &[],
        )
        .await?;
    let record = |row: &tokio_postgres::Row| SiteRecord {
        id: row.get(0),
        hostname: row.get(1),
        port: row.get(2),
        site_name: row.get(3),
        is_default_site: row.get(4),
        root_page_id: row.get(5),
    };
    Ok(rows.iter().map(record).collect())
}
