//! Cloudflare before staging, where there is one.

use std::sync::Arc;

use crate::adapters::cloudflare::Cloudflare;
use crate::caches::{self, CacheError, Ending, FrontEnd, Work};
use crate::failure::CommandError;
use crate::reset::world::{Surroundings, World};
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepError, StepFuture, StepKind,
    StepResult, UndoWay,
};

use super::STAGE;

/// The step's id, by which the guard knows when Cloudflare's zone has to be compared.
pub const ID: &str = "front-end-cache";

pub struct FrontEndCache(pub Arc<World>);

impl FrontEndCache {
    /// `None` where staging has none.
    async fn find(&self) -> StepResult<Option<(Cloudflare, FrontEnd)>> {
        let Surroundings { destination, destination_vars, settings, .. } = &self.0.surroundings;
        let login = match caches::login(destination, destination_vars) {
            Ok(login) => login,
            Err(CacheError::NoFrontEnd { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let base = settings.cloudflare_base_url.as_ref().map(|found| found.value.as_str());
        let client = Cloudflare::new(base, login.credentials, settings.network_timeout)
            .map_err(CacheError::from)?;
        let zone = caches::find_zone(&client, destination, destination_vars).await?;
        Ok(Some((client, zone)))
    }
}

impl Step for FrontEndCache {
    fn id(&self) -> &'static str {
        ID
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Reversible
    }

    fn describe(&self) -> String {
        format!("Purge the front-end cache of {}", self.0.destination.name)
    }

    fn effects(&self) -> Vec<Effect> {
        vec![Effect::new("everything in staging's Cloudflare zone is purged, where it has one")]
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let Some((client, zone)) = self.find().await? else {
                let reason = format!("{} has no Cloudflare settings", self.0.app.name());
                return Ok(Outcome::Skipped { reason, evidence: Evidence::new() });
            };
            let reporter = context.reporter();
            let stop = context.interrupt().wanted();
            let purged = caches::purge(&client, &zone.id, &Work::Everything, stop, &reporter).await;
            match purged.ending {
                Ending::Done => Ok(Outcome::Done(
                    Evidence::of(format!("Purged everything in {}", zone.label()))
                        .fact("zone", zone.label()),
                )),
                Ending::Interrupted => Err(StepError::Interrupted { goes_on: Vec::new() }),
                Ending::Failed(error) => Err(CommandError::from(CacheError::from(error)).into()),
            }
        })
    }

    fn verify<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Evidence> {
        // Cloudflare's answer to the purge is all that can be seen of it.
        Box::pin(async { Ok(Evidence::new()) })
    }

    fn undo_way(&self) -> UndoWay {
        UndoWay::Nothing
    }
}
