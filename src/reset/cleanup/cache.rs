//! Django's cache, which remembers the site's root paths and pages of before.

use std::sync::Arc;

use crate::caches::{self, BackendCache, CacheScope};
use crate::failure::{CommandError, FailureKind};
use crate::reset::world::{Surroundings, World};
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind, StepResult, UndoWay,
};
use crate::words;

use super::STAGE;

pub struct Cache(pub Arc<World>);

impl Cache {
    fn cache(&self) -> StepResult<BackendCache> {
        let Surroundings { destination, destination_vars, settings, .. } = &self.0.surroundings;
        Ok(BackendCache::of(destination, destination_vars, &settings.cache)?)
    }
}

impl Step for Cache {
    fn id(&self) -> &'static str {
        "cache"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Reversible
    }

    fn describe(&self) -> String {
        format!("Clear Django's cache of {}", self.0.destination.name)
    }

    fn effects(&self) -> Vec<Effect> {
        let place = self.cache().map(|cache| cache.place());
        let place = place.unwrap_or_else(|_| "the cache".to_owned());
        vec![Effect::new(format!("every key of Django's in {place} goes"))]
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let cache = self.cache()?;
            let clearing =
                async { Ok(caches::clear_backend(&cache, CacheScope::Everything).await?) };
            let cleared = context.wait_for("nothing", clearing).await?;
            let summary = format!("Cache cleared: {}", words::plural(cleared.keys, "key"));
            let evidence = Evidence::of(summary)
                .fact("cache", cache.place())
                .fact("keys cleared", cleared.keys)
                .fact("sessions cleared", cleared.sessions);
            Ok(Outcome::Done(evidence))
        })
    }

    fn verify<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            // No process of the site runs that could have made them again.
            let left = caches::count_backend(&self.cache()?, CacheScope::SiteRoots).await?;
            if left.keys > 0 {
                let text = "the cache still holds the root paths of the sites";
                return Err(CommandError::new(FailureKind::RemoteJob, text).into());
            }
            Ok(Evidence::new())
        })
    }

    fn undo_way(&self) -> UndoWay {
        // It is made again from what is there when somebody asks.
        UndoWay::Nothing
    }
}
