//! The exit codes of what can go wrong with caches, and what mends it.

use crate::adapters::cloudflare::CloudflareError;
use crate::adapters::redis::RedisError;
use crate::caches::CacheError;
use crate::failure::{CommandError, FailureKind};

impl From<CloudflareError> for CommandError {
    fn from(error: CloudflareError) -> Self {
        let (kind, hint) = match &error {
            CloudflareError::InvalidEndpoint { .. } | CloudflareError::UnencryptedEndpoint => (
                FailureKind::Configuration,
                Some("set cloudflare.base_url in bcops.toml, or CLOUDFLARE_BASE_URL"),
            ),
            CloudflareError::InvalidCredentials { .. } | CloudflareError::Unauthorized { .. } => (
                FailureKind::Configuration,
                Some(
                    "make a new API token in Cloudflare and set it as the app's config var; bcops doctor",
                ),
            ),
            CloudflareError::Forbidden { .. } => (
                FailureKind::Configuration,
                Some(
                    "give the token the permission Zone / Cache Purge / Purge for this zone; bcops doctor",
                ),
            ),
            CloudflareError::NotFound { .. } | CloudflareError::InvalidZone { .. } => (
                FailureKind::Configuration,
                Some(
                    "set the zone's id, from the zone's overview in Cloudflare, as the app's config var",
                ),
            ),
            CloudflareError::RateLimited { .. } => (
                FailureKind::Unexpected,
                Some("the limit is the account's: wait some minutes, then try again"),
            ),
            CloudflareError::Unsent { .. }
            | CloudflareError::Lost { .. }
            | CloudflareError::Server { .. } => (
                FailureKind::Unexpected,
                Some(
                    "see https://www.cloudflarestatus.com, then try again: purging twice does no harm",
                ),
            ),
            CloudflareError::NotCloudflare { .. } | CloudflareError::UnexpectedResult { .. } => (
                FailureKind::Unexpected,
                Some("set cloudflare.base_url in bcops.toml, or CLOUDFLARE_BASE_URL; bcops doctor"),
            ),
            CloudflareError::Refused { .. } => (
                FailureKind::Unexpected,
                Some("see in Cloudflare's dashboard what the zone's plan and the token allow"),
            ),
            CloudflareError::ClientSetup(_) => (FailureKind::Unexpected, None),
        };
        CommandError::wrap(kind, error).with_hints(hint)
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
            RedisError::Command { .. } => {
                return CommandError::wrap(FailureKind::Unexpected, error);
            }
        };
        CommandError::wrap(FailureKind::Configuration, error).hint(hint)
    }
}

impl From<CacheError> for CommandError {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Endless { .. } => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("see whether the server at this place is Redis, then try again"),
            CacheError::Cloudflare(error) => error.into(),
            CacheError::Redis(error) => error.into(),
            CacheError::Postgres(error) => error.into(),
            CacheError::BadTarget { .. } => CommandError::wrap(FailureKind::Usage, error),
            CacheError::NoVariable { ref environment, key, .. } => {
                let hint = format!(
                    "set environments.{environment}.config_vars.{key} in bcops.toml if it has another name"
                );
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
            CacheError::NoFrontEnd { ref environment, .. } => {
                let hint = format!(
                    "if it has one: set environments.{environment}.config_vars.cloudflare_bearer_token in bcops.toml"
                );
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
            CacheError::NoZone { ref environment, ref variable, .. } => {
                let hint = format!(
                    "set the zone's id as the config var {variable}, or environments.{environment}.sites in bcops.toml"
                );
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
            CacheError::Zone { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("set the zone's id, from the zone's overview in Cloudflare"),
            CacheError::BadRedisUrl { .. } | CacheError::BadDatabaseUrl { .. } => {
                CommandError::wrap(FailureKind::Configuration, error)
                    .hint("look at the app's config vars: heroku config --app APP")
            }
            CacheError::NoTable { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("set cache.table in bcops.toml, or run manage.py createcachetable"),
        }
    }
}
