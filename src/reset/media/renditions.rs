//! Deletes the rendition rows, which name files that staging's bucket does not have. Without the
//! rows, the site makes a rendition again when a page needs it.

use async_trait::async_trait;

use crate::adapters::postgres::PostgresError;
use crate::reset::answers::MediaChoice;
use crate::reset::world::Reset;
use crate::runbook::{Effect, Evidence, Outcome, Step, StepContext, StepError, StepResult};
use crate::schema::quote_identifier;
use crate::words;

pub struct Renditions;

/// The configured tables that exist, quoted.
async fn tables(world: &Reset) -> StepResult<Vec<String>> {
    let session = world.connect_destination().await?;
    let mut tables = Vec::new();
    for table in &world.settings.media.rendition_tables {
        let quoted: Vec<String> = table.split('.').map(quote_identifier).collect();
        let quoted = quoted.join(".");
        let there = session
            .query_one("SELECT to_regclass($1) IS NOT NULL", &[&quoted])
            .await
            .map_err(PostgresError::from)?;
        if there.get::<_, bool>(0) {
            tables.push(quoted);
        }
    }
    Ok(tables)
}

async fn rows(world: &Reset) -> StepResult<u64> {
    let session = world.connect_destination().await?;
    let mut rows = 0;
    for table in tables(world).await? {
        let sql = format!("SELECT count(*) FROM {table}");
        let row = session.query_one(&sql, &[]).await.map_err(PostgresError::from)?;
        rows += u64::try_from(row.get::<_, i64>(0)).unwrap_or_default();
    }
    Ok(rows)
}

#[async_trait]
impl Step<Reset> for Renditions {
    fn describe(&self, _world: &Reset) -> String {
        "Delete the rendition rows, because the site makes renditions again".to_owned()
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        match world.answers.media {
            MediaChoice::All => Vec::new(),
            _ => vec![Effect::new("every row of the rendition tables is deleted")],
        }
    }

    async fn act(&self, world: &Reset, _context: &StepContext) -> StepResult<Outcome> {
        if world.answers.media == MediaChoice::All {
            return Ok(Outcome::skipped("the renditions were copied"));
        }
        let tables = tables(world).await?;
        let session = world.connect_destination().await?;
        session
            .batch_execute(
                "BEGIN; SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '120s'",
            )
            .await
            .map_err(PostgresError::from)?;
        let mut rows = 0;
        for table in &tables {
            // An error ends the session, which rolls the transaction back.
            let sql = format!("DELETE FROM {table}");
            rows += session.execute(&sql, &[]).await.map_err(PostgresError::from)?;
        }
        session.batch_execute("COMMIT").await.map_err(PostgresError::from)?;
        let summary = format!("Renditions: {} deleted", words::plural(rows, "row"));
        Ok(Outcome::Done(Evidence::of(summary).fact("rendition rows deleted", rows)))
    }

    async fn verify(&self, world: &Reset, _context: &StepContext) -> StepResult<Evidence> {
        match rows(world).await? {
            0 => Ok(Evidence::new()),
            rows => {
                let text = format!("{} of renditions were not deleted", words::plural(rows, "row"));
                Err(StepError::failed(crate::failure::FailureKind::RemoteJob, text))
            }
        }
    }
}
