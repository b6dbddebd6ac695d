//! Checks the caches: whether Cloudflare accepts the login and shows the zone, and whether a
//! destination's Redis answers. Nothing is purged, and no request is sent that could purge.

use crate::adapters::cloudflare::{Cloudflare, Credentials};
use crate::adapters::heroku::ConfigVars;
use crate::adapters::json_api::ErrorKind;
use crate::caches::{self, BackendCache, CacheError, CacheScope, count_backend};
use crate::commands::Context;
use crate::failure::CommandError;
use crate::settings::Environment;

/// A check's name, and what was found.
pub type Finding = (String, Found);

pub enum Found {
    /// The environment has no such cache.
    Nothing,
    Good(String),
    /// The cache works, and something about it should change.
    Doubtful {
        detail: String,
        fix: String,
    },
    /// Only a write would show it.
    Unshown,
    Bad(CommandError),
}

pub async fn checks(
    context: &Context,
    environment: &Environment,
    vars: &ConfigVars,
) -> Vec<Finding> {
    let (front_end, backend) =
        tokio::join!(front_end(context, environment, vars), backend(context, environment, vars));
    let name = &environment.name;
    let has_front_end = !matches!(front_end, Found::Nothing | Found::Bad(_));
    let mut found = vec![(format!("{name} front-end cache"), front_end)];
    if has_front_end {
        found.push((format!("{name} front-end purge"), Found::Unshown));
    }
    // Without Redis the cache is in the database, which has a check of its own.
    if let Some(backend) = backend {
        found.push((format!("{name} Redis"), backend.map_or_else(Found::Bad, Found::Good)));
    }
    found
}

async fn front_end(context: &Context, environment: &Environment, vars: &ConfigVars) -> Found {
    let login = match caches::login(environment, vars) {
        Err(CacheError::NoFrontEnd { .. }) => return Found::Nothing,
        Err(error) => return Found::Bad(error.into()),
        Ok(login) => login,
    };
    let is_key = matches!(login.credentials, Credentials::Key { .. });
    match ask(context, environment, vars, login).await {
        Err(error) => Found::Bad(error),
        Ok(detail) if is_key => Found::Doubtful {
            detail: format!("{detail}; this key may change everything in the account"),
            fix: format!(
                "make an API token with only Zone / Cache Purge / Purge, set {} to it, and unset {}",
                environment.cache_variables.bearer_token, environment.cache_variables.token
            ),
        },
        Ok(detail) => Found::Good(detail),
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
        // A refused login is the reason why the zone cannot be found.
        (Err(_), Err(error)) if error.kind() == ErrorKind::Unauthorized => return Err(error.into()),
        (Err(error), _) => return Err(error.into()),
    };
    let is_for = format!("{what} in {} is for {}", login.origin, zone.label());
    match (&zone.zone, verified) {
        // Cloudflare verifies a person's tokens, and does not know an account's there.
        (Ok(_), _) => Ok(is_for),
        (Err(_), Ok(())) => Ok(format!(
            "{is_for}; it lacks the permission Zone / Zone / Read, so its name is not shown"
        )),
        // A token that shows nothing and is not known is wrong.
        (Err(_), Err(error)) => Err(error.into()),
    }
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
    let counted = count_backend(&cache, CacheScope::SiteRoots).await;
    Some(counted.map(|_| cache.place()).map_err(CommandError::from))
}
