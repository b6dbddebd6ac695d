//! The exit codes of what can go wrong with caches, and what mends it.

use super::{CommandError, Kind, with_hint, wrap};
use crate::adapters::cloudflare::CloudflareError;
use crate::adapters::redis::RedisError;
use crate::caches::CacheError;

impl From<CloudflareError> for CommandError {
    fn from(error: CloudflareError) -> Self {
        let (kind, hint) = match &error {
            CloudflareError::InvalidEndpoint { .. } | CloudflareError::UnencryptedEndpoint => (
                Kind::Configuration,
                Some("set cloudflare.base_url in bcops.toml, or CLOUDFLARE_BASE_URL"),
            ),
            CloudflareError::InvalidCredentials { .. } | CloudflareError::Unauthorized { .. } => (
                Kind::Configuration,
                Some(
                    "make a new API token in Cloudflare and set it as the app's config var; bcops doctor",
                ),
            ),
            CloudflareError::Forbidden { .. } => (
                Kind::Configuration,
                Some(
                    "give the token the permission Zone / Cache Purge / Purge for this zone; bcops doctor",
                ),
            ),
            CloudflareError::NotFound { .. } | CloudflareError::InvalidZone { .. } => (
                Kind::Configuration,
                Some(
                    "set the zone's id, from the zone's overview in Cloudflare, as the app's config var",
                ),
            ),
            CloudflareError::RateLimited { .. } => (
                Kind::Unexpected,
                Some("the limit is the account's: wait some minutes, then try again"),
            ),
            CloudflareError::Unsent { .. }
            | CloudflareError::Lost { .. }
            | CloudflareError::Server { .. } => (
                Kind::Unexpected,
                Some(
                    "see https://www.cloudflarestatus.com, then try again: purging twice does no harm",
                ),
            ),
            CloudflareError::NotCloudflare { .. } | CloudflareError::UnexpectedResult { .. } => (
                Kind::Unexpected,
                Some("set cloudflare.base_url in bcops.toml, or CLOUDFLARE_BASE_URL; bcops doctor"),
            ),
            CloudflareError::Refused { .. } => (
                Kind::Unexpected,
                Some("see in Cloudflare's dashboard what the zone's plan and the token allow"),
            ),
            CloudflareError::ClientSetup(_) => (Kind::Unexpected, None),
        };
        with_hint(wrap(kind, error), hint)
    }
}

impl From<RedisError> for CommandError {
    fn from(error: RedisError) -> Self {
        let hint = match &error {
            RedisError::BadUrl(_) | RedisError::Unencrypted { .. } => {
                "look at the app's config vars: heroku config --app APP"
            }
            RedisError::Connect { .. } | RedisError::Timeout { .. } => {
                "see whether the server is up and can be reached from here; bcops doctor"
            }
            RedisError::Login { .. } => {
                "the password may have been changed: look at the app's config vars"
            }
            RedisError::NotAllowed { .. } => "use a login that may SCAN and UNLINK",
            RedisError::Command { .. } => return wrap(Kind::Unexpected, error),
        };
        wrap(Kind::Configuration, error).hint(hint)
    }
}

impl From<CacheError> for CommandError {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Endless { .. } => wrap(Kind::Unexpected, error)
                .hint("see whether the server at this place is Redis, then try again"),
            CacheError::Cloudflare(error) => error.into(),
            CacheError::Redis(error) => error.into(),
            CacheError::Postgres(error) => error.into(),
            CacheError::BadTarget { .. } => wrap(Kind::Usage, error),
            CacheError::NoVariable { ref environment, key, .. } => {
                let hint = format!(
                    "set environments.{environment}.config_vars.{key} in bcops.toml if it has another name"
                );
                wrap(Kind::Configuration, error).hint(hint)
            }
            CacheError::NoFrontEnd { ref environment, .. } => {
                let hint = format!(
                    "if it has one: set environments.{environment}.config_vars.cloudflare_bearer_token in bcops.toml"
                );
                wrap(Kind::Configuration, error).hint(hint)
            }
            CacheError::NoZone { ref environment, ref variable, .. } => {
                let hint = format!(
                    "set the zone's id as the config var {variable}, or environments.{environment}.sites in bcops.toml"
                );
                wrap(Kind::Configuration, error).hint(hint)
            }
            CacheError::Zone { .. } => wrap(Kind::Configuration, error)
                .hint("set the zone's id, from the zone's overview in Cloudflare"),
            CacheError::BadRedisUrl { .. } | CacheError::BadDatabaseUrl { .. } => {
                wrap(Kind::Configuration, error)
                    .hint("look at the app's config vars: heroku config --app APP")
            }
            CacheError::NoTable { .. } => wrap(Kind::Configuration, error)
                .hint("set cache.table in bcops.toml, or run manage.py createcachetable"),
        }
    }
}
