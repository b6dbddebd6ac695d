//! Clears Django's cache, which still has the old root paths and pages of the site.

use async_trait::async_trait;

use crate::caches::{self, BackendCache, CacheScope};
use crate::reset::world::Reset;
use crate::runbook::{Effect, Evidence, Outcome, Step, StepContext, StepError, StepResult};
use crate::words;

pub struct Cache;

fn cache(world: &Reset) -> StepResult<BackendCache> {
    let destination = &world.destination;
    Ok(BackendCache::of(destination, &destination.variables, &world.settings.cache)?)
}

#[async_trait]
impl Step<Reset> for Cache {
    fn describe(&self, world: &Reset) -> String {
        format!("Clear Django's cache of {}", world.destination.name)
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        let place = cache(world).map(|cache| cache.place());
        let place = place.unwrap_or_else(|_| "the cache".to_owned());
        vec![Effect::new(format!("every key of Django's cache in {place} is deleted"))]
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let cache = cache(world)?;
        let clearing = async { Ok(caches::clear_backend(&cache, CacheScope::Everything).await?) };
        let cleared = context.wait_for("nothing", clearing).await?;
        let summary = format!("Cache cleared: {}", words::plural(cleared.keys, "key"));
        let evidence = Evidence::of(summary)
            .fact("cache", cache.place())
            .fact("keys cleared", cleared.keys)
            .fact("sessions cleared", cleared.sessions);
        Ok(Outcome::Done(evidence))
    }

    async fn verify(&self, world: &Reset, _context: &StepContext) -> StepResult<Evidence> {
        // No process of the site is running that could have made the keys again.
        let left = caches::count_backend(&cache(world)?, CacheScope::SiteRoots).await?;
        let held = "the cache still has the root paths of the sites";
        StepError::unless(left.keys == 0, || held.to_owned())?;
        Ok(Evidence::new())
    }
}
