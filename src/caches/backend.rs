//! Counts and clears Django's cache: Redis if the environment has one, else a table of its
//! database.
//!
//! Only Django's own keys are deleted, recognised by their names. FLUSHDB is never used, because
//! queues and other sites may share the server. Renditions are cached in a second database of the
//! same server. Sessions that the site keeps in its cache are deleted too, and counted separately.

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::heroku::ConfigVars;
use crate::adapters::postgres::{DatabaseUrl, Defaults, PostgresError, Session, SslMode, connect};
use crate::adapters::redis::{Redis, RedisUrl};
use crate::settings::{Cache, Destination};

use super::CacheError;
use super::keys::{self, SITE_ROOT_PATHS};

/// How many keys one command deletes at most, and roughly how many one page of a scan has.
const PAGE: u32 = 1000;

/// How many pages in a row may hold no key of the site: enough for twenty million other keys.
const PAGES_WITHOUT_PROGRESS: u32 = 20_000;

/// How many cursors may repeat. A server that shrinks its table may repeat a few.
const REPEATED_CURSORS: u32 = 100;

/// More keys than the cache of any site has.
const MOST_KEYS: u64 = 50_000_000;

/// Which keys of the cache are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, ValueEnum)]
pub enum CacheScope {
    /// All of Django's keys
    #[serde(rename = "all")]
    #[value(name = "all")]
    Everything,
    // Wagtail caches them from its Site records, and does not notice when SQL changes the records.
    /// The root paths of Wagtail's sites
    #[serde(rename = "sites")]
    #[value(name = "sites")]
    SiteRoots,
}

/// How many keys exist or were deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keys {
    pub keys: u64,
    /// How many of them are sessions. If they are deleted, everyone has to log in again.
    pub sessions: u64,
}

impl Keys {
    fn and(self, other: Keys) -> Keys {
        let (keys, sessions) = (self.keys + other.keys, self.sessions + other.sessions);
        Keys { keys, sessions }
    }
}

/// The cache of an environment that bcops may write to. It can only be made from a [`Destination`].
#[derive(Debug, Clone)]
pub struct BackendCache {
    store: Store,
    prefix: String,
}

#[derive(Debug, Clone)]
enum Store {
    /// The server, and the number of the database that holds renditions.
    Redis(RedisUrl, Option<u16>),
    Table {
        database: DatabaseUrl,
        table: String,
    },
}

impl BackendCache {
    /// The cache that the site's config vars name: Redis with TLS, else Redis without TLS, else the
    /// table.
    ///
    /// # Errors
    /// If the chosen URL is not valid.
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
            let own = url.database();
            let second = settings.renditions_database.filter(|number| i64::from(*number) != own);
            return Ok(BackendCache { store: Store::Redis(url, second), prefix });
        }
        let variable = &destination.database_url_variable;
        let url = set(variable).ok_or_else(|| CacheError::NoVariable {
            environment: destination.name.clone(),
            app: app(),
            variable: variable.clone(),
            key: "database_url",
            why: "names the database that holds the cache if there is no Redis",
        })?;
        let defaults = Defaults { variable: &|_| None, home: None, ssl_mode: SslMode::Require };
        let database = DatabaseUrl::parse(url, &defaults).map_err(|source| {
            CacheError::BadDatabaseUrl { app: app(), variable: variable.clone(), source }
        })?;
        Ok(BackendCache { store: Store::Table { database, table: settings.table.clone() }, prefix })
    }

    /// The Redis server, if the cache is Redis. The guards compare it.
    pub fn redis(&self) -> Option<&RedisUrl> {
        match &self.store {
            Store::Redis(url, _) => Some(url),
            Store::Table { .. } => None,
        }
    }

    /// The database, if the cache is a table. The guards compare it.
    pub fn database(&self) -> Option<&DatabaseUrl> {
        match &self.store {
            Store::Redis(..) => None,
            Store::Table { database, .. } => Some(database),
        }
    }

    /// The kind's name in `--json`.
    pub fn kind(&self) -> &'static str {
        match &self.store {
            Store::Redis(..) => "redis",
            Store::Table { .. } => "table",
        }
    }

    /// The place of the cache, for messages.
    pub fn place(&self) -> String {
        match &self.store {
            Store::Redis(url, _) => format!("Redis at {}", url.place()),
            Store::Table { database, table } => {
                format!("the table {table} of {} on {}", database.database, database.place())
            }
        }
    }
}

/// Deletes Django's keys. It may be interrupted at any point: deleted keys stay deleted, and a
/// second call deletes the rest.
pub async fn clear_backend(cache: &BackendCache, what: CacheScope) -> Result<Keys, CacheError> {
    match &cache.store {
        Store::Redis(url, second) => redis(url, *second, &cache.prefix, what, Doing::Delete).await,
        Store::Table { database, table } => {
            let (condition, prefix) = condition(&cache.prefix, what);
            let session = open(database, table).await?;
            let sql = format!(
                "WITH gone AS (DELETE FROM {} WHERE {condition} RETURNING cache_key) \
                 SELECT {COUNTS} FROM gone",
                quoted(table)
            );
            counted(session, &sql, &prefix).await
        }
    }
}

/// How many keys [`clear_backend`] would delete now.
pub async fn count_backend(cache: &BackendCache, what: CacheScope) -> Result<Keys, CacheError> {
    match &cache.store {
        Store::Redis(url, second) => redis(url, *second, &cache.prefix, what, Doing::Count).await,
        Store::Table { database, table } => {
            let (condition, prefix) = condition(&cache.prefix, what);
            let session = open(database, table).await?;
            let sql = format!("SELECT {COUNTS} FROM {} WHERE {condition}", quoted(table));
            counted(session, &sql, &prefix).await
        }
    }
}

/// Counts all keys, and those of sessions.
const COUNTS: &str = "count(*), \
    count(*) FILTER (WHERE cache_key ~ ':django[.]contrib[.]sessions[.]cache(?!d_db)')";

async fn counted(session: Session, sql: &str, prefix: &str) -> Result<Keys, CacheError> {
    let row = session.query_one(sql, &[&prefix]).await.map_err(PostgresError::from)?;
    session.close().await;
    let number = |column: usize| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
    Ok(Keys { keys: number(0), sessions: number(1) })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Count,
    Delete,
}

/// Handles both databases. Wagtail's site roots are only in the first one.
async fn redis(
    url: &RedisUrl,
    second: Option<u16>,
    prefix: &str,
    what: CacheScope,
    doing: Doing,
) -> Result<Keys, CacheError> {
    let keys = server(url, prefix, what, doing).await?;
    let Some(second) = second.filter(|_| what == CacheScope::Everything) else { return Ok(keys) };
    match server(&url.with_database(second), prefix, what, doing).await {
        Ok(renditions) => Ok(keys.and(renditions)),
        // A server with a single database has no second cache.
        Err(CacheError::Redis(error)) if error.lacks_database() => Ok(keys),
        Err(error) => Err(error),
    }
}

/// Handles every node of the server that holds keys.
async fn server(
    url: &RedisUrl,
    prefix: &str,
    what: CacheScope,
    doing: Doing,
) -> Result<Keys, CacheError> {
    let nodes = Redis::connect(url).await?.nodes(url).await?;
    let mut keys = Keys::default();
    for node in nodes {
        keys = keys.and(walk(&node, prefix, what, doing).await?);
    }
    Ok(keys)
}

/// Handles all matching keys of a node. SCAN returns every key that exists during the whole scan,
/// and may return a key twice, so the server counts the deleted keys.
async fn walk(
    url: &RedisUrl,
    prefix: &str,
    what: CacheScope,
    doing: Doing,
) -> Result<Keys, CacheError> {
    let mut redis = Redis::connect(url).await?;
    let pattern = keys::pattern(prefix, what);
    let mut seen = std::collections::HashSet::new();
    let (mut cursor, mut deleted) = (0, Keys::default());
    let (mut pages, mut so_far, mut repeated) = (0_u32, 0, 0_u32);
    let mut cursors = std::collections::HashSet::new();
    loop {
        let (next, mut page) = redis.scan(cursor, &pattern, PAGE).await?;
        page.retain(|key| keys::is_one(key, prefix, what));
        let known = seen.len() as u64 + deleted.keys;
        pages = if known > so_far { 0 } else { pages + 1 };
        so_far = known;
        repeated += u32::from(!cursors.insert(next));
        if pages > PAGES_WITHOUT_PROGRESS || known > MOST_KEYS || repeated > REPEATED_CURSORS {
            return Err(CacheError::Endless { place: url.place() });
        }
        match doing {
            Doing::Count => seen.extend(page),
            Doing::Delete => {
                let (sessions, rest): (Vec<_>, Vec<_>) =
                    page.into_iter().partition(|key| keys::is_session(key));
                for keys in rest.chunks(PAGE as usize) {
                    deleted.keys += redis.delete(keys).await?;
                }
                for keys in sessions.chunks(PAGE as usize) {
                    let gone = redis.delete(keys).await?;
                    deleted = deleted.and(Keys { keys: gone, sessions: gone });
                }
            }
        }
        cursor = next;
        if cursor == 0 {
            let sessions = seen.iter().filter(|key: &&Vec<u8>| keys::is_session(key)).count();
            let counted = Keys { keys: seen.len() as u64, sessions: sessions as u64 };
            return Ok(if doing == Doing::Count { counted } else { deleted });
        }
    }
}

/// The SQL condition on the keys, and its one parameter. Keys have the same names in a table and in
/// Redis.
fn condition(prefix: &str, what: CacheScope) -> (String, String) {
    let rest = match what {
        CacheScope::Everything => String::new(),
        CacheScope::SiteRoots => format!("{SITE_ROOT_PATHS}$"),
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
