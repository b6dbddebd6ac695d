//! What can go wrong with a cache.

use thiserror::Error;

use crate::adapters::cloudflare::CloudflareError;
use crate::adapters::postgres::PostgresError;
use crate::adapters::redis::RedisError;

#[derive(Debug, Error)]
pub enum CacheError {
    #[error(transparent)]
    Cloudflare(#[from] CloudflareError),
    #[error("{variable} of {app} is not usable: {source}")]
    Zone { app: String, variable: String, source: CloudflareError },
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
