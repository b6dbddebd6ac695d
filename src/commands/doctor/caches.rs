//! What `doctor` asks of the caches: whether the login is good and shows the zone, and whether the
//! Redis of an environment that may be written to answers. Nothing is purged, and nothing is sent
//! that would purge anything.

use crate::adapters::cloudflare::{Cloudflare, Credentials};
use crate::adapters::heroku::ConfigVars;
use crate::adapters::json_api::ErrorKind;
use crate::caches::{self, BackendCache, CacheError, CacheScope, count_backend};
use crate::commands::Context;
use crate::failure::CommandError;
use crate::settings::Environment;

/// What was found under a name.
pub type Finding = (String, Found);

pub enum Found {
    /// There is nothing to ask.
    Nothing,
    Good(String),
    /// It works, and what should be other.
    Doubtful {
        detail: String,
        fix: String,
    },
    /// Only an attempt would show it.
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
    // Of an environment without Redis the database is asked already.
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
            detail: format!("{detail}; this key may change everything of the account"),
            fix: format!(
                "make an API token with Zone / Cache Purge / Purge alone, set it as {}, and unset {}",
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
        // That the zone cannot be found has its reason in the login then.
        (Err(_), Err(error)) if error.kind() == ErrorKind::Unauthorized => return Err(error.into()),
        (Err(error), _) => return Err(error.into()),
    };
    let is_for = format!("{what} of {} is for {}", login.origin, zone.label());
    match (&zone.zone, verified) {
        // A token that belongs to an account is not known where a person's are verified.
        (Ok(_), _) => Ok(is_for),
        (Err(_), Ok(())) => {
            Ok(format!("{is_for}, and lacks the permission to read its name (Zone / Zone / Read)"))
        }
        // One that shows nothing and is not known either is simply wrong.
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
