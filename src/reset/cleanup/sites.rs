//! Wagtail's Site records: production's host names become staging's, in one transaction and before
//! any process of the site runs. A publish on a site that still has production's names would purge
//! production's pages from Cloudflare.

use std::sync::Arc;

use serde_json::json;

use crate::reset::database;
use crate::reset::sites::{self, Change, HostRules};
use crate::reset::values::{SITE_CHANGES, SITES_BEFORE, SITES_OF_SOURCE};
use crate::reset::world::World;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind, StepResult, Table,
    UndoWay,
};
use crate::words;

use super::STAGE;

pub struct Sites {
    pub world: Arc<World>,
    /// The step that puts the whole database back.
    pub undone_with: &'static str,
}

impl Sites {
    async fn changes(&self, context: &StepContext) -> StepResult<Vec<Change>> {
        if let Some(decided) = context.get(&SITE_CHANGES)? {
            return Ok(decided);
        }
        let world = &self.world;
        let session = world.connect_destination().await?;
        let now = sites::read(&session).await?;
        let before = context.get(&SITES_BEFORE)?.unwrap_or_default();
        let production = context.get(&SITES_OF_SOURCE)?.unwrap_or_default();
        let settings = &world.settings;
        let protected = settings.environments.values().filter(|one| one.protected);
        let rules =
            HostRules::new(&settings.reset.hosts, &world.destination, protected, &production)?;
        let changes = sites::plan(&now, &before, &rules)?;
        context.put(&SITE_CHANGES, &changes)?;
        Ok(changes)
    }
}

impl Step for Sites {
    fn id(&self) -> &'static str {
        "sites"
    }

    /// With the clean-up left out, the records go with the rows that brought production's names:
    /// staging must not open under them.
    fn stage(&self) -> &'static str {
        let choices = &self.world.choices;
        match choices.leaves_out(STAGE) && !choices.leaves_out(database::STAGE) {
            true => database::STAGE,
            false => STAGE,
        }
    }

    fn kind(&self) -> StepKind {
        StepKind::Reversible
    }

    fn describe(&self) -> String {
        format!("Give the Site records the hosts of {}", self.world.destination.name)
    }

    fn effects(&self) -> Vec<Effect> {
        vec![Effect::known_after("host names of Site records are rewritten", "migrate")]
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let changes = self.changes(context).await?;
            let session = self.world.connect_destination().await?;
            sites::rewrite(&session, &changes).await?;
            let mut table = Table::new("Site records", &["record", "was", "is", "why"]);
            for change in &changes {
                if let Some(warning) = &change.warning {
                    context.warn(warning.clone());
                }
                table = table.row(vec![
                    json!(change.id),
                    json!(change.from.to_string()),
                    json!(change.to.to_string()),
                    json!(change.reason),
                ]);
            }
            let count = changes.iter().filter(|change| change.changes_anything()).count() as u64;
            let summary = format!("{} rewritten", words::plural(count, "Site record"));
            let evidence = Evidence::of(summary).fact("site records", count);
            Ok(Outcome::Done(if count > 0 { evidence.table(table) } else { evidence }))
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let changes = self.changes(context).await?;
            let session = self.world.connect_destination().await?;
            sites::verify(&session, &changes).await?;
            Ok(Evidence::new())
        })
    }

    fn undo_way(&self) -> UndoWay {
        match self.world.choices.leaves_out(database::STAGE) {
            false => UndoWay::With(self.undone_with),
            true => UndoWay::Impossible("the host names from before are in staging's backup alone"),
        }
    }
}
