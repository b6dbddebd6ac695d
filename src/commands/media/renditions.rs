//! Deletes the rows of renditions after originals were replaced. Wagtail makes a rendition again
//! when a page asks for it, but only if it has no row.

use crate::adapters::postgres::{DatabaseUrl, PostgresError, connect};
use crate::commands::Context;
use crate::deployment::{Writing, local};
use crate::failure::CommandError;
use crate::settings::Environment;

/// The database with the rows.
pub struct Renditions {
    url: DatabaseUrl,
    /// The configured tables that exist, with the number of their rows.
    pub tables: Vec<(String, u64)>,
}

impl Renditions {
    /// The local database: on this machine, and not an environment's. `source` is the environment
    /// of the media.
    pub async fn local(
        context: &Context,
        source: &Environment,
    ) -> Result<Renditions, CommandError> {
        let url = context.local_database()?;
        let deployments = context.deployments();
        local::on_this_machine(deployments, &url)?;
        local::not_an_environments_own(deployments, Some(&source.name), &url).await?;
        Renditions::look(context, url).await
    }

    /// The destination's database, which is not a protected environment's.
    pub async fn remote(
        context: &Context,
        writing: &Writing<'_>,
    ) -> Result<Renditions, CommandError> {
        Renditions::look(context, writing.database().await?).await
    }

    async fn look(context: &Context, url: DatabaseUrl) -> Result<Renditions, CommandError> {
        let session = connect(&url).await?;
        let mut tables = Vec::new();
        for table in &context.settings.media.rendition_tables {
            let there = session
                .query_one("SELECT to_regclass($1) IS NOT NULL", &[&quoted(table)])
                .await
                .map_err(PostgresError::from)?;
            if there.get::<_, bool>(0) {
                let sql = format!("SELECT count(*) FROM {}", quoted(table));
                let row = session.query_one(&sql, &[]).await.map_err(PostgresError::from)?;
                tables.push((table.clone(), u64::try_from(row.get::<_, i64>(0)).unwrap_or(0)));
            }
        }
        Ok(Renditions { url, tables })
    }

    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }

    pub fn place(&self) -> String {
        format!("{} on {}", self.url.database, self.url.place())
    }

    /// Deletes the rows in one transaction. Returns their number.
    pub async fn delete(&self) -> Result<u64, CommandError> {
        if self.tables.is_empty() {
            return Ok(0);
        }
        let mut session = connect(&self.url).await?;
        delete_in(&mut session, &self.tables).await.map_err(CommandError::from)
    }
}

async fn delete_in(
    session: &mut crate::adapters::postgres::Session,
    tables: &[(String, u64)],
) -> Result<u64, PostgresError> {
    session
        .batch_execute(
            "BEGIN; SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '120s'",
        )
        .await?;
    let mut rows = 0;
    for (table, _) in tables {
        // An error ends the session, and with it the transaction.
        rows += session.execute(&format!("DELETE FROM {}", quoted(table)), &[]).await?;
    }
    session.batch_execute("COMMIT").await?;
    Ok(rows)
}

/// `"table"` or `"schema"."table"`.
fn quoted(table: &str) -> String {
    let parts: Vec<String> =
        table.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
    parts.join(".")
}
