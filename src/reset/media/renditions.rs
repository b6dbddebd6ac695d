//! The rows of renditions, which name files that staging's bucket does not have: without them the
//! site makes renditions again when a page asks for one.

use std::sync::Arc;

use crate::adapters::postgres::PostgresError;
use crate::reset::choices::MediaChoice;
use crate::reset::database;
use crate::reset::world::World;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepError, StepFuture, StepKind,
    StepResult, UndoWay,
};
use crate::schema::quote_identifier;
use crate::words;

use super::STAGE;

pub struct Renditions {
    pub world: Arc<World>,
    /// The step that puts the whole database back.
    pub undone_with: &'static str,
}

impl Renditions {
    /// Those of the configured tables that exist, quoted.
    async fn tables(&self) -> StepResult<Vec<String>> {
        let session = self.world.connect_destination().await?;
        let mut tables = Vec::new();
        for table in &self.world.settings.media.rendition_tables {
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

    async fn rows(&self) -> StepResult<u64> {
        let session = self.world.connect_destination().await?;
        let mut rows = 0;
        for table in self.tables().await? {
            let sql = format!("SELECT count(*) FROM {table}");
            let row = session.query_one(&sql, &[]).await.map_err(PostgresError::from)?;
            rows += u64::try_from(row.get::<_, i64>(0)).unwrap_or_default();
        }
        Ok(rows)
    }
}

impl Step for Renditions {
    fn id(&self) -> &'static str {
        "renditions"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Reversible
    }

    fn describe(&self) -> String {
        "Delete the rows of renditions, so that they are made again".to_owned()
    }

    fn effects(&self) -> Vec<Effect> {
        match self.world.choices.media {
            MediaChoice::All => Vec::new(),
            _ => vec![Effect::new("every row of the rendition tables goes")],
        }
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            if self.world.choices.media == MediaChoice::All {
                let reason = "the renditions were copied".to_owned();
                return Ok(Outcome::Skipped { reason, evidence: Evidence::new() });
            }
            let tables = self.tables().await?;
            let session = self.world.connect_destination().await?;
            session
                .batch_execute(
                    "BEGIN; SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '120s'",
                )
                .await
                .map_err(PostgresError::from)?;
            let mut rows = 0;
            for table in &tables {
                // An error ends the session, and with it the transaction.
                let sql = format!("DELETE FROM {table}");
                rows += session.execute(&sql, &[]).await.map_err(PostgresError::from)?;
            }
            session.batch_execute("COMMIT").await.map_err(PostgresError::from)?;
            let summary = format!("Renditions: {} deleted", words::plural(rows, "row"));
            Ok(Outcome::Done(Evidence::of(summary).fact("rendition rows deleted", rows)))
        })
    }

    fn verify<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            match self.rows().await? {
                0 => Ok(Evidence::new()),
                rows => {
                    let text =
                        format!("{} of renditions are still there", words::plural(rows, "row"));
                    Err(StepError::failed(crate::failure::FailureKind::RemoteJob, text))
                }
            }
        })
    }

    fn undo_way(&self) -> UndoWay {
        match self.world.choices.leaves_out(database::STAGE) {
            false => UndoWay::With(self.undone_with),
            true => UndoWay::Impossible("the rows are no longer there to be put back"),
        }
    }
}
