//! Lists the errors around caches, with the hint for each.

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
    #[error("cannot use {variable} of {app}: {source}")]
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
        "cannot purge a front-end cache: {app} has neither the config var {bearer} nor {token}"
    )]
    NoFrontEnd { environment: String, app: String, bearer: String, token: String },
    #[error("cannot find a Cloudflare zone for {hosts} that the login may read")]
    NoZone { environment: String, hosts: String, variable: String },
    #[error("cannot purge `{given}` with {flag}: {reason}")]
    BadTarget { flag: &'static str, given: String, reason: String },
    #[error("cannot use {variable} of {app}")]
    BadRedisUrl { app: String, variable: String, source: RedisError },
    #[error("cannot list the keys of Redis at {place}: the list never ends")]
    Endless { place: String },
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("cannot use {variable} of {app}")]
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
                .hint("check that the server at this address is Redis, then run the command again"),
            CacheError::Cloudflare(error) => error.into(),
            CacheError::Redis(error) => error.into(),
            CacheError::Postgres(error) => error.into(),
            CacheError::BadTarget { .. } => CommandError::wrap(FailureKind::Usage, error),
            CacheError::NoVariable { ref environment, key, .. } => {
                let hint = format!(
                    "if the variable has another name, set \
                     environments.{environment}.config_vars.{key} in bcops.toml"
                );
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
            CacheError::NoFrontEnd { ref environment, .. } => {
                let hint = format!(
                    "if the token has another name, set \
                     environments.{environment}.config_vars.cloudflare_bearer_token in bcops.toml"
                );
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
            CacheError::NoZone { ref environment, ref variable, .. } => {
                let hint = format!(
                    "set the config var {variable} to the zone id, or set \
                     environments.{environment}.sites in bcops.toml"
                );
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
            CacheError::Zone { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("set the zone id, which the zone's overview in Cloudflare shows"),
            CacheError::BadRedisUrl { .. } | CacheError::BadDatabaseUrl { .. } => {
                CommandError::wrap(FailureKind::Configuration, error)
                    .hint(Hint::run("check the app's config vars", "heroku config --app"))
            }
            CacheError::NoTable { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint(
                    "set cache.table in bcops.toml, or run on the site: manage.py \
                     createcachetable",
                ),
        }
    }
}
