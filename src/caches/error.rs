//! What can go wrong with a cache.

use thiserror::Error;

use crate::adapters::cloudflare::InvalidZone;
use crate::adapters::json_api::ApiError;
use crate::adapters::postgres::PostgresError;
use crate::adapters::redis::RedisError;
use crate::failure::Hint;
use crate::failure::{CommandError, FailureKind};

#[derive(Debug, Error)]
pub enum CacheError {
    #[error(transparent)]
    Cloudflare(#[from] ApiError),
    #[error("{variable} of {app} is not usable: {source}")]
    Zone { app: String, variable: String, source: InvalidZone },
    #[error("{app} has no config var {variable}, which {why}")]
    NoVariable {
        environment: String,
        app: String,
        variable: String,
        key: &'static str,
        why: &'static str,
    },
    #[error(
        "{app} has neither the config var {bearer} nor {token}, so it has no front-end cache to purge"
    )]
    NoFrontEnd { environment: String, app: String, bearer: String, token: String },
    #[error("no zone of Cloudflare was found for {hosts} among those that the login may see")]
    NoZone { environment: String, hosts: String, variable: String },
    #[error("`{given}` cannot be purged by {flag}: {reason}")]
    BadTarget { flag: &'static str, given: String, reason: String },
    #[error("{variable} of {app} is not usable")]
    BadRedisUrl { app: String, variable: String, source: RedisError },
    #[error("cannot list the keys of Redis at {place}: the list never ends")]
    Endless { place: String },
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("{variable} of {app} is not usable")]
    BadDatabaseUrl { app: String, variable: String, source: PostgresError },
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error("the database {database} has no table {table} for Django's cache")]
    NoTable { database: String, table: String },
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
                    .hint(Hint::run("look at the app's config vars", "heroku config --app"))
            }
            CacheError::NoTable { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("set cache.table in bcops.toml, or run manage.py createcachetable"),
        }
    }
}
