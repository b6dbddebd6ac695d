//! Finds the resources that an environment's config vars lead to. It looks at all values, not only
//! at the configured names, because a follower, a second cache and a bucket of backups have
//! variables too.

use super::{Values, bucket_settings, has_bucket, remote_database};
use crate::adapters::elasticsearch::ClusterAddress;
use crate::adapters::postgres::DatabaseUrl;
use crate::adapters::redis::RedisUrl;
use crate::adapters::s3::BucketSettings;
use crate::secret::Secret;
use crate::settings::{Environment, Settings};

/// A resource with the variable that leads to it, or why the value cannot be read.
#[derive(Debug, Clone)]
pub struct Lead<T> {
    pub variable: String,
    /// Whether the value comes from this process and not from Heroku.
    pub is_override: bool,
    pub target: Result<T, String>,
}

/// Everything that the config vars of one environment lead to.
#[derive(Debug, Default, Clone)]
pub struct Resources {
    pub databases: Vec<Lead<DatabaseUrl>>,
    pub redis: Vec<Lead<RedisUrl>>,
    pub clusters: Vec<Lead<ClusterAddress>>,
    /// The configured bucket, with its keys.
    pub buckets: Vec<Lead<BucketSettings>>,
    /// Other variables that seem to name a bucket.
    pub bucket_names: Vec<(String, String)>,
}

impl Resources {
    pub fn of(settings: &Settings, environment: &Environment, values: &Values) -> Resources {
        let mut found = Resources::default();
        let own = values.own.names().filter_map(|name| Some((name, values.own.get(name)?)));
        let overrides = values.overrides.iter().map(|(name, value)| (name.as_str(), value));
        let all = own.map(|one| (one, false)).chain(overrides.map(|one| (one, true)));
        for ((variable, value), is_override) in all {
            found.add(environment, variable, value.expose().trim(), is_override);
        }
        found.add_separate_settings(values);
        for (vars, is_override) in values.variants().into_iter().zip([false, true]) {
            if has_bucket(environment, &vars) {
                found.buckets.push(Lead {
                    variable: environment.bucket_variables.bucket.clone(),
                    is_override,
                    target: bucket_settings(settings, environment, &vars)
                        .map_err(|error| error.to_string()),
                });
            }
        }
        found
    }

    fn add(&mut self, environment: &Environment, variable: &str, value: &str, is_override: bool) {
        if value.is_empty() {
            return;
        }
        let name = || variable.to_owned();
        if let Some(target) = database(value) {
            self.databases.push(Lead { variable: name(), is_override, target });
        } else if variable == environment.database_url_variable {
            let target = Err("it is not a database's URL".to_owned());
            self.databases.push(Lead { variable: name(), is_override, target });
        }
        let caches = &environment.cache_variables;
        if let Some(target) = redis(value) {
            self.redis.push(Lead { variable: name(), is_override, target });
        } else if [&caches.redis_tls_url, &caches.redis_url].contains(&&name()) {
            let target = Err("it is not the URL of a Redis server".to_owned());
            self.redis.push(Lead { variable: name(), is_override, target });
        }
        if variable == environment.search_url_variable || leads_to_search(variable, value) {
            let target = ClusterAddress::parse(&Secret::url(as_http(value)), variable)
                .map_err(|error| error.to_string());
            self.clusters.push(Lead { variable: name(), is_override, target });
        }
        if variable != environment.bucket_variables.bucket
            && let Some(bucket) = bucket_name(variable, value)
        {
            self.bucket_names.push((name(), bucket));
        }
    }

    /// Adds the database that libpq's separate variables name, such as `PGHOST`.
    fn add_separate_settings(&mut self, values: &Values) {
        let get = |name: &str| values.get(name).map(|one| one.expose().trim().to_owned());
        let host = get("PGHOSTADDR").or_else(|| get("PGHOST")).filter(|host| !host.is_empty());
        let Some(host) = host else { return };
        let parts = [
            ("host", Some(host)),
            ("port", get("PGPORT")),
            ("dbname", get("PGDATABASE")),
            ("user", get("PGUSER")),
            ("password", get("PGPASSWORD")),
        ];
        let parts = parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let target = from_parts(parts.collect());
        self.databases.push(Lead { variable: "PGHOST".to_owned(), is_override: true, target });
    }
}

/// Reads the database from a value: a URL as Django's settings, JDBC or SQLAlchemy write it, or
/// libpq's own form of `name=value`.
fn database(value: &str) -> Option<Result<DatabaseUrl, String>> {
    let plain = value.strip_prefix("jdbc:").unwrap_or(value);
    if plain.contains("://") {
        return DatabaseUrl::is_url(plain).then(|| parse(plain));
    }
    let parts = conninfo(plain)?;
    let named = |wanted: &str| parts.iter().any(|(name, _)| name == wanted);
    let is_one = (named("host") || named("hostaddr") || named("service")) || named("dbname");
    is_one.then(|| from_parts(parts))
}

fn parse(url: &str) -> Result<DatabaseUrl, String> {
    remote_database(&Secret::url(url)).map_err(|error| error.to_string())
}

fn from_parts(parts: Vec<(String, String)>) -> Result<DatabaseUrl, String> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in &parts {
        query.append_pair(name, value);
    }
    // libpq reads a plus sign as a plus sign, not as a blank.
    parse(&format!("postgres:///?{}", query.finish().replace('+', "%20")))
}

/// Reads `host=h dbname='my db'`. `None` if any part of the text has another form.
fn conninfo(text: &str) -> Option<Vec<(String, String)>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim();
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if !is_name {
            return None;
        }
        let mut value = String::new();
        let mut characters = after.trim_start().chars();
        let quoted = characters.as_str().starts_with('\'');
        if quoted {
            characters.next();
        }
        loop {
            match characters.next() {
                None if quoted => return None,
                None => break,
                Some('\\') => value.extend(characters.next()),
                Some('\'') if quoted => break,
                Some(c) if !quoted && c.is_whitespace() => break,
                Some(c) => value.push(c),
            }
        }
        parts.push((name.to_owned(), value));
        rest = characters.as_str().trim_start();
    }
    (!parts.is_empty()).then_some(parts)
}

fn redis(value: &str) -> Option<Result<RedisUrl, String>> {
    let (scheme, rest) = value.split_once("://")?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "redis" | "valkey" | "rediscache" => "redis",
        "rediss" | "valkeys" | "redis+ssl" | "redis+tls" => "rediss",
        _ => return None,
    };
    Some(RedisUrl::parse(&format!("{scheme}://{rest}")).map_err(|error| error.to_string()))
}

/// Whether a value leads to a search cluster: a URL under the name of a kind of search server, or a
/// URL with a login under a name that contains SEARCH. Addresses of sites and of other services do
/// not count.
fn leads_to_search(variable: &str, value: &str) -> bool {
    let scheme = value.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let Some(scheme) = scheme else { return false };
    if matches!(scheme.as_str(), "es" | "elasticsearch" | "elasticsearchs" | "opensearch") {
        return true;
    }
    if !matches!(scheme.as_str(), "http" | "https") {
        return false;
    }
    let name = variable.to_ascii_uppercase();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let has_login = url::Url::parse(value).is_ok_and(|url| url.password().is_some());
    has(&["ELASTIC", "OPENSEARCH", "BONSAI", "SEARCHBOX", "FOUNDELASTIC"])
        || (has_login && has(&["SEARCH"]))
}

fn as_http(value: &str) -> String {
    match value.split_once("://") {
        Some((scheme, rest)) if !scheme.to_ascii_lowercase().starts_with("http") => {
            format!("https://{rest}")
        }
        _ => value.to_owned(),
    }
}

/// The bucket that a value names, recognised by its variable or by a form that only buckets have.
fn bucket_name(variable: &str, value: &str) -> Option<String> {
    let named = if let Some(rest) = value.strip_prefix("s3://") {
        rest.split(['/', '?']).next()
    } else if let Some(rest) = value.strip_prefix("arn:aws:s3:::") {
        rest.split('/').next()
    } else if variable.to_ascii_uppercase().contains("BUCKET") {
        Some(value)
    } else {
        None
    };
    let name = named?.trim().to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    (!name.is_empty() && name.chars().all(fits)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn place(value: &str) -> String {
        let url = database(value).expect(value).expect(value);
        format!("{}@{}/{}", url.user, url.place(), url.database)
    }

    #[test]
    fn a_database_is_recognised_in_every_spelling() {
        for value in [
            "postgres://u:p@h:6/d",
            "POSTGRESQL://u:p@h:6/d",
            "postgresql+psycopg2://u:p@h:6/d",
            "postgis://u:p@h:6/d?sslmode=require",
            "jdbc:postgresql://h:6/d?user=u&password=p",
            "host=h port=6 dbname=d user=u password='p q'",
        ] {
            assert_eq!(place(value), "u@h:6/d", "{value}");
        }
        for value in ["", "x=y", "https://h/d", "a b", "DEBUG=1", "redis://h", "mysql://h/d"] {
            assert!(database(value).is_none(), "{value}");
        }
        for value in
            ["postgres://h/d?options=x", "host=h hostaddr=192.0.2.7 dbname=d", "dbname=d service=x"]
        {
            assert!(database(value).expect(value).is_err(), "{value}");
        }
    }

    #[test]
    fn addresses_of_sites_are_not_search_clusters() {
        for (variable, value) in [
            ("ELASTICSEARCH_URL", "http://h:9200"),
            ("SITE_SEARCH", "https://u:p@h"),
            ("ANY", "elasticsearch://u:p@h"),
        ] {
            assert!(leads_to_search(variable, value), "{variable}");
        }
        for (variable, value) in [
            ("SENTRY_DSN", "https://key@h/1"),
            ("WAGTAILTRANSFER_SOURCE_URL", "https://www.h/x"),
            ("SEARCH_PAGE", "https://www.h/search"),
            ("SEARCH_BOOST", "3"),
        ] {
            assert!(!leads_to_search(variable, value), "{variable}");
        }
    }

    #[test]
    fn buckets_are_recognised_by_their_form_and_their_variable() {
        assert_eq!(bucket_name("X", "s3://Media/path").as_deref(), Some("media"));
        assert_eq!(bucket_name("X", "arn:aws:s3:::media/*").as_deref(), Some("media"));
        assert_eq!(bucket_name("BUCKETEER_BUCKET_NAME", "media").as_deref(), Some("media"));
        assert_eq!(bucket_name("BUCKET_URL", "https://h/media"), None);
        assert_eq!(bucket_name("X", "media"), None);
    }
}
