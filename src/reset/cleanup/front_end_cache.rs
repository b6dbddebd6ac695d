//! Purges Cloudflare in front of staging, if staging has a zone.

use async_trait::async_trait;

use crate::adapters::cloudflare::Cloudflare;
use crate::caches::{self, CacheError, Ending, FrontEnd, Work};
use crate::failure::CommandError;
use crate::reset::world::Reset;
use crate::runbook::{Effect, Evidence, Outcome, Step, StepContext, StepError, StepResult};

/// The step's id. The guard compares Cloudflare's zone only before this step.
pub const ID: &str = "front-end-cache";

pub struct FrontEndCache;

/// Finds staging's zone. `None` if staging has no Cloudflare login.
async fn find(world: &Reset) -> StepResult<Option<(Cloudflare, FrontEnd)>> {
    let (destination, settings) = (&world.destination, &world.settings);
    let login = match caches::login(destination, &destination.variables) {
        Ok(login) => login,
        Err(CacheError::NoFrontEnd { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let base = settings.cloudflare_base_url.as_ref().map(|found| found.value.as_str());
    let client = Cloudflare::new(base, login.credentials, settings.network_timeout)
        .map_err(CacheError::from)?;
    let zone = caches::find_zone(&client, destination, &destination.variables).await?;
    Ok(Some((client, zone)))
}

#[async_trait]
impl Step<Reset> for FrontEndCache {
    fn describe(&self, world: &Reset) -> String {
        format!("Purge the front-end cache of {}", world.destination.name)
    }

    fn effects(&self, _world: &Reset) -> Vec<Effect> {
        vec![Effect::new("everything in staging's Cloudflare zone is purged, if it has a zone")]
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let Some((client, zone)) = find(world).await? else {
            let reason = format!("{} has no Cloudflare settings", world.app_name());
            return Ok(Outcome::skipped(reason));
        };
        let reporter = context.reporter();
        let stop = context.interrupt().wanted();
        let purged = caches::purge(&client, &zone, &Work::Everything, stop, &reporter).await;
        match purged.ending {
            Ending::Done => Ok(Outcome::Done(
                Evidence::of(format!("Purged everything in {}", zone.label()))
                    .fact("zone", zone.label()),
            )),
            Ending::Interrupted => Err(StepError::Interrupted { goes_on: Vec::new() }),
            Ending::Failed(error) => Err(CommandError::from(CacheError::from(error)).into()),
        }
    }

    async fn verify(&self, _world: &Reset, _context: &StepContext) -> StepResult<Evidence> {
        // Cloudflare's answer to the purge is the only proof.
        Ok(Evidence::new())
    }
}
