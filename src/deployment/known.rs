//! Reads the resources of a protected environment from trusted configuration
//! (`environments.*.known`), for colleagues who cannot ask Heroku about the environment.

use super::remote_database;
use crate::adapters::elasticsearch::ClusterAddress;
use crate::adapters::postgres::{DatabaseIdentity, DatabaseUrl};
use crate::adapters::redis::RedisUrl;
use crate::adapters::s3::{BucketAddress, BucketIdentity, BucketSettings, Credentials};
use crate::failure::{CommandError, FailureKind};
use crate::secret::Secret;
use crate::settings::Environment;

/// Names the setting and its entry in messages.
fn named(key: &str, entry: &str) -> String {
    format!("known.{key} `{entry}`")
}

fn bad(environment: &Environment, key: &str, entry: &str, form: &str) -> CommandError {
    let name = &environment.name;
    let text = format!("environments.{name}.known.{key}: cannot read `{entry}`");
    CommandError::new(FailureKind::Configuration, text).hint(format!("write {form}"))
}

/// Returns the entry that names this database. An entry without a port matches every port of the
/// host.
pub fn database(
    environment: &Environment,
    destination: &DatabaseUrl,
) -> Result<Option<String>, CommandError> {
    let identity = DatabaseIdentity::of(destination);
    for entry in &environment.known.databases {
        let url = remote_database(&Secret::hidden(format!("postgres://nobody@{entry}")));
        let mut url = url
            .ok()
            .filter(|url| entry.contains('/') && url.database != "nobody")
            .ok_or_else(|| bad(environment, "databases", entry, "\"HOST:PORT/NAME\""))?;
        let host = entry.rsplit_once('/').map_or(entry.as_str(), |(host, _)| host);
        let has_port = host.rsplit_once(':').is_some_and(|(before, port)| {
            !before.contains(':') | before.ends_with(']') && !port.is_empty()
        });
        if !has_port {
            url.port = destination.port;
        }
        if identity.may_be(&DatabaseIdentity::of(&url)) {
            return Ok(Some(named("databases", entry)));
        }
    }
    Ok(None)
}

pub fn bucket(
    environment: &Environment,
    destination: &BucketIdentity,
) -> Result<Option<String>, CommandError> {
    for entry in &environment.known.buckets {
        let (bucket, endpoint) = match entry.split_once('@') {
            Some((bucket, endpoint)) => (bucket, Some(endpoint.to_owned())),
            None => (entry.as_str(), None),
        };
        let settings = BucketSettings {
            bucket: bucket.to_owned(),
            credentials: Credentials {
                access_key: String::new(),
                secret_key: Secret::hidden(""),
                session_token: None,
            },
            region: None,
            endpoint,
            timeout: None,
        };
        let form = "\"NAME\", or \"NAME@https://ENDPOINT\" for a server other than AWS";
        let address = BucketAddress::new(&settings)
            .map_err(|error| bad(environment, "buckets", entry, form).with_cause(error))?;
        if destination.may_be(&BucketIdentity::of(&address, &settings.credentials)) {
            return Ok(Some(named("buckets", entry)));
        }
    }
    Ok(None)
}

pub fn redis(
    environment: &Environment,
    destination: &RedisUrl,
) -> Result<Option<String>, CommandError> {
    for entry in &environment.known.redis {
        let url = RedisUrl::parse(&format!("redis://{entry}"))
            .map_err(|error| bad(environment, "redis", entry, "\"HOST:PORT\"").with_cause(error))?;
        if destination.may_be(&url) {
            return Ok(Some(named("redis", entry)));
        }
    }
    Ok(None)
}

pub fn cluster(
    environment: &Environment,
    destination: &ClusterAddress,
) -> Result<Option<String>, CommandError> {
    for entry in &environment.known.search {
        let url = match entry.contains("://") {
            true => entry.clone(),
            false => format!("https://{entry}"),
        };
        let address =
            ClusterAddress::parse(&Secret::hidden(url), "known.search").map_err(|error| {
                bad(environment, "search", entry, "\"HOST\" or \"HOST:PORT\"").with_cause(error)
            })?;
        if destination.may_be(&address) {
            return Ok(Some(named("search", entry)));
        }
    }
    Ok(None)
}

pub fn zone(environment: &Environment, destination: &str) -> Option<String> {
    let same = |entry: &&String| entry.trim().eq_ignore_ascii_case(destination);
    environment.known.zones.iter().find(same).map(|entry| named("zones", entry))
}

/// Returns the entry that names this app, by its name or its id.
pub fn app(environment: &Environment, name: &str, id: Option<&str>) -> Option<String> {
    let same = |entry: &&String| {
        let entry = entry.trim();
        entry.eq_ignore_ascii_case(name) || id.is_some_and(|id| entry.eq_ignore_ascii_case(id))
    };
    environment.known.apps.iter().find(same).map(|entry| named("apps", entry))
}
