//! What a reset changes beside the app, the database and the bucket: Django's cache, the search
//! cluster and Cloudflare's zone. None of them may be a protected environment's.

use crate::caches::{self, BackendCache, CacheError};
use crate::commands::Context;
use crate::commands::environments::Values;
use crate::commands::guards::Protected;
use crate::commands::purge_cache::find_front_end;
use crate::error::CommandError;
use crate::settings::Destination;

/// The cache and the search cluster, by the config vars as Heroku has them and as they are in force:
/// the site's own commands on a dyno know nothing of what stands in for them here.
pub fn check_stores(
    context: &Context,
    protected: &Protected<'_>,
    destination: &Destination,
    values: &Values,
) -> Result<(), CommandError> {
    for vars in values.variants() {
        // A variant without a database is Heroku's where nobody is logged in.
        let has_cache = vars.names().next().is_some();
        if has_cache {
            let cache = BackendCache::of(destination, &vars, &context.settings.cache)?;
            cache.database().map_or(Ok(()), |database| protected.check_database(database))?;
        }
        protected.check_stores(destination, &vars)?;
    }
    Ok(())
}

/// The zone, which Cloudflare is asked for. An environment without a login of Cloudflare's has none.
pub async fn check_zone(
    context: &Context,
    protected: &Protected<'_>,
    destination: &Destination,
    values: &Values,
) -> Result<(), CommandError> {
    match caches::login(destination, &values.in_force()) {
        Ok(_) => {}
        Err(CacheError::NoFrontEnd { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let zone = find_front_end(context, destination, values).await?;
    protected.check_zone(&zone.front_end)
}
