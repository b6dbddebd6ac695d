//! Django's cache: Redis where the environment has one, and a table of its database otherwise.
//!
//! Only Django's own keys go, by their names. Never FLUSHDB: sessions, queues and the cache of
//! renditions may live on the same server.

use crate::adapters::heroku::ConfigVars;
use crate::adapters::postgres::{DatabaseUrl, Defaults, PostgresError, Session, SslMode, connect};
use crate::adapters::redis::{Redis, RedisUrl};
use crate::settings::{Cache, Destination};

use super::CacheError;
use super::keys::{self, SITE_ROOT_PATHS};

/// How many keys one command deletes, and about how many one page of a scan has.
const PAGE: u32 = 1000;

/// A server with twenty million other keys has so many pages without one of the site's.
const PAGES_WITHOUT_PROGRESS: u32 = 20_000;

/// While a server makes its table smaller, a few cursors may come again.
const REPEATED_CURSORS: u32 = 100;

/// More keys than a cache of a site has.
const MOST_KEYS: u64 = 50_000_000;

/// Which keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Everything,
    /// What Wagtail remembers of its Site records, which SQL on them does not make it forget.
    SiteRoots,
}

/// How many keys went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleared {
    pub keys: u64,
}

/// The cache of an environment that may be written to: there is no other way to make one.
#[derive(Debug, Clone)]
pub struct BackendCache {
    store: Store,
    prefix: String,
}

#[derive(Debug, Clone)]
enum Store {
    Redis(RedisUrl),
    Table { database: DatabaseUrl, table: String },
}

impl BackendCache {
    /// The cache that the site uses by its config vars: the URL with TLS, else the one without,
    /// else the table.
    ///
    /// # Errors
    /// Where the URL of whichever it is cannot be used.
    pub fn of(
        destination: &Destination,
        vars: &ConfigVars,
        settings: &Cache,
    ) -> Result<BackendCache, CacheError> {
        let names = &destination.cache_variables;
        let app = || destination.app.value.clone();
        let set = |name: &str| {
            vars.get(name).map(|url| url.expose().trim()).filter(|url| !url.is_empty())
        };
        let prefix = settings.key_prefix.clone();
        for variable in [&names.redis_tls_url, &names.redis_url] {
            let Some(url) = set(variable) else { continue };
            let url = RedisUrl::parse(url).map_err(|source| CacheError::BadRedisUrl {
                app: app(),
                variable: variable.clone(),
                source,
            })?;
            return Ok(BackendCache { store: Store::Redis(url), prefix });
        }
        let variable = &destination.database_url_variable;
        let url = set(variable).ok_or_else(|| CacheError::NoVariable {
            environment: destination.name.clone(),
            app: app(),
            variable: variable.clone(),
            key: "database_url",
            why: "names the database that holds its cache where there is no Redis",
        })?;
        let defaults = Defaults { variable: &|_| None, home: None, ssl_mode: SslMode::Require };
        let database = DatabaseUrl::parse(url, &defaults).map_err(|source| {
            CacheError::BadDatabaseUrl { app: app(), variable: variable.clone(), source }
        })?;
        Ok(BackendCache { store: Store::Table { database, table: settings.table.clone() }, prefix })
    }

    /// For the guards: the server, where it is Redis.
    pub fn redis(&self) -> Option<&RedisUrl> {
        match &self.store {
            Store::Redis(url) => Some(url),
            Store::Table { .. } => None,
        }
    }

    /// For the guards: the database, where it is a table.
    pub fn database(&self) -> Option<&DatabaseUrl> {
        match &self.store {
            Store::Redis(_) => None,
            Store::Table { database, .. } => Some(database),
        }
    }

    /// The name of the kind in `--json`.
    pub fn kind(&self) -> &'static str {
        match &self.store {
            Store::Redis(_) => "redis",
            Store::Table { .. } => "table",
        }
    }

    /// For messages.
    pub fn place(&self) -> String {
        match &self.store {
            Store::Redis(url) => format!("Redis at {}", url.place()),
            Store::Table { database, table } => {
                format!("the table {table} of {} on {}", database.database, database.place())
            }
        }
    }
}

/// Deletes Django's keys. It may be given up at any point: what is gone is gone, and the rest stays
/// until it is called again.
pub async fn clear_backend(cache: &BackendCache, what: What) -> Result<Cleared, CacheError> {
    let keys = match &cache.store {
        Store::Redis(url) => walk(url, &cache.prefix, what, Doing::Delete).await?,
        Store::Table { database, table } => {
            let (condition, prefix) = condition(&cache.prefix, what);
            let session = open(database, table).await?;
            let sql = format!("DELETE FROM {} WHERE {condition}", quoted(table));
            let rows = session.execute(&sql, &[&prefix]).await.map_err(PostgresError::from)?;
            session.close().await;
            rows
        }
    };
    Ok(Cleared { keys })
}

/// How many keys [`clear_backend`] would delete at this moment.
pub async fn count_backend(cache: &BackendCache, what: What) -> Result<u64, CacheError> {
    match &cache.store {
        Store::Redis(url) => walk(url, &cache.prefix, what, Doing::Count).await,
        Store::Table { database, table } => {
            let (condition, prefix) = condition(&cache.prefix, what);
            let session = open(database, table).await?;
            let sql = format!("SELECT count(*) FROM {} WHERE {condition}", quoted(table));
            let row = session.query_one(&sql, &[&prefix]).await.map_err(PostgresError::from)?;
            session.close().await;
            Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Count,
    Delete,
}

/// Goes through all keys of the server that match. SCAN sees every key that is there from its
/// beginning to its end, and may see one twice, so that what is deleted is counted by the server.
async fn walk(url: &RedisUrl, prefix: &str, what: What, doing: Doing) -> Result<u64, CacheError> {
    let mut redis = Redis::connect(url).await?;
    let pattern = keys::pattern(prefix, what);
    let mut seen = std::collections::HashSet::new();
    let (mut cursor, mut deleted) = (0, 0);
    let (mut pages, mut so_far, mut repeated) = (0_u32, 0, 0_u32);
    let mut cursors = std::collections::HashSet::new();
    loop {
        let (next, mut page) = redis.scan(cursor, &pattern, PAGE).await?;
        page.retain(|key| keys::is_one(key, prefix, what));
        let known = seen.len() as u64 + deleted;
        pages = if known > so_far { 0 } else { pages + 1 };
        so_far = known;
        repeated += u32::from(!cursors.insert(next));
        if pages > PAGES_WITHOUT_PROGRESS || known > MOST_KEYS || repeated > REPEATED_CURSORS {
            return Err(CacheError::Endless { place: url.place() });
        }
        match doing {
            Doing::Count => seen.extend(page),
            Doing::Delete => {
                for keys in page.chunks(PAGE as usize) {
                    deleted += redis.unlink(keys).await?;
                }
            }
        }
        cursor = next;
        if cursor == 0 {
            return Ok(if doing == Doing::Count { seen.len() as u64 } else { deleted });
        }
    }
}

/// The condition on the keys, and its one parameter. Table and Redis have the same names.
fn condition(prefix: &str, what: What) -> (String, String) {
    let rest = match what {
        What::Everything => String::new(),
        What::SiteRoots => format!("{SITE_ROOT_PATHS}$"),
    };
    let condition = format!(
        "starts_with(cache_key, $1) AND substr(cache_key, length($1) + 1) ~ '^[0-9]+:{rest}'"
    );
    (condition, format!("{prefix}:"))
}

async fn open(database: &DatabaseUrl, table: &str) -> Result<Session, CacheError> {
    let session = connect(database).await?;
    session
        .batch_execute("SET lock_timeout = '10s'; SET statement_timeout = '120s'")
        .await
        .map_err(PostgresError::from)?;
    let there = session
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&quoted(table)])
        .await
        .map_err(PostgresError::from)?;
    if !there.get::<_, bool>(0) {
        let (database, table) = (database.database.clone(), table.to_owned());
        return Err(CacheError::NoTable { database, table });
    }
    Ok(session)
}

/// `"table"` or `"schema"."table"`.
fn quoted(table: &str) -> String {
    let parts = table.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
    parts.collect::<Vec<_>>().join(".")
}
