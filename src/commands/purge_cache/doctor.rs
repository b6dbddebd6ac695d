//! What `doctor` asks of the caches: whether the login is good and which permission it lacks, and
//! whether the Redis of an environment that may be written to answers. Nothing is purged.

use crate::adapters::cloudflare::{Cloudflare, CloudflareError};
use crate::adapters::heroku::ConfigVars;
use crate::caches::{self, BackendCache, CacheError, What, count_backend};
use crate::commands::Context;
use crate::error::CommandError;
use crate::settings::Environment;

/// What was found under a name: in words, or what fails, or nothing where there is nothing to ask.
pub type Finding = (String, Option<Result<String, CommandError>>);

pub async fn checks(
    context: &Context,
    environment: &Environment,
    vars: &ConfigVars,
) -> Vec<Finding> {
    let (front_end, backend) =
        tokio::join!(front_end(context, environment, vars), backend(context, environment, vars));
    let name = &environment.name;
    let mut found = vec![(format!("{name} front-end cache"), front_end)];
    // Of an environment without Redis the database is asked already.
    if backend.is_some() {
        found.push((format!("{name} Redis"), backend));
    }
    found
}

async fn front_end(
    context: &Context,
    environment: &Environment,
    vars: &ConfigVars,
) -> Option<Result<String, CommandError>> {
    match caches::login(environment, vars) {
        Err(CacheError::NoFrontEnd { .. }) => None,
        Err(error) => Some(Err(error.into())),
        Ok(login) => Some(ask(context, environment, vars, login).await),
    }
}

async fn ask(
    context: &Context,
    environment: &Environment,
    vars: &ConfigVars,
    login: caches::Login,
) -> Result<String, CommandError> {
    let base = context.settings.cloudflare_base_url.as_ref().map(|found| found.value.as_str());
    let what = login.credentials.describe();
    let client = Cloudflare::new(base, login.credentials, context.settings.network_timeout)?;
    let verified = client.verify().await;
    let zone = caches::find_zone(&client, environment, vars).await;
    let (zone, verified) = match (zone, verified) {
        (Ok(zone), verified) => (zone, verified),
        // That the zone cannot be found has its reason in the login then.
        (Err(_), Err(error @ CloudflareError::Unauthorized { .. })) => return Err(error.into()),
        (Err(error), _) => return Err(error.into()),
    };
    match (client.may_purge(&zone.id).await, verified) {
        (Ok(()), _) => {}
        // A token that belongs to an account is not known where a person's are verified, but it
        // works. One that does not work either is simply wrong.
        (Err(_), Err(error)) => return Err(error.into()),
        (Err(error @ CloudflareError::Forbidden { .. }), Ok(())) => {
            return Err(CommandError::from(error).hint(
                "the login itself is good: what lacks is Zone / Cache Purge / Purge for this zone",
            ));
        }
        (Err(error), Ok(())) => return Err(error.into()),
    }
    let may = format!("{what} of {} may purge {}", login.origin, zone.label());
    Ok(match &zone.zone {
        Ok(_) => may,
        Err(_) => format!("{may}, and may not read its name (Zone / Zone / Read)"),
    })
}

async fn backend(
    context: &Context,
    environment: &Environment,
    vars: &ConfigVars,
) -> Option<Result<String, CommandError>> {
    let destination = environment.as_destination().ok()?;
    let cache = match BackendCache::of(&destination, vars, &context.settings.cache) {
        Ok(cache) => cache,
        Err(CacheError::BadRedisUrl { app, variable, source }) => {
            return Some(Err(CacheError::BadRedisUrl { app, variable, source }.into()));
        }
        Err(_) => return None,
    };
    cache.redis()?;
    let counted = count_backend(&cache, What::SiteRoots).await;
    Some(counted.map(|_| cache.place()).map_err(CommandError::from))
}
