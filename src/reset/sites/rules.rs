//! Holds the rules that decide the host of a Site record.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{SiteRecord, SitesError};
use crate::settings::{Environment, HostMapping, HostName};

/// The public address of a Site record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    pub hostname: String,
    pub port: i32,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.hostname, self.port)
    }
}

#[derive(Debug, Clone)]
pub struct HostRules {
    /// The name of the environment whose records are rewritten, for messages.
    pub environment: String,
    /// The configured map, with the closest match first.
    mapping: Vec<HostMapping>,
    /// The environment's first URL.
    pub(super) first_site: Option<(HostName, i32)>,
    /// Production's hosts in lower case, with their ports. None of them may remain.
    production: BTreeSet<(String, i32)>,
}

impl HostRules {
    /// Collects the hosts that must not be used. `protected` are environments with hosts in their
    /// settings. `production_records` come from production's database, because a host in its
    /// records may be missing from the settings.
    pub fn new<'e>(
        mapping: &[HostMapping],
        environment: &Environment,
        protected: impl IntoIterator<Item = &'e Environment>,
        production_records: &[SiteRecord],
    ) -> Result<HostRules, SitesError> {
        let first_site = environment.sites.first().map(|url| address(environment, url));
        let mut production = BTreeSet::new();
        for protected in protected {
            for url in &protected.sites {
                let (host, port) = address(protected, url)?;
                production.insert((host.to_string(), port));
            }
        }
        let place = |record: &SiteRecord| (plain(&record.hostname), record.port);
        production.extend(production_records.iter().map(place));
        let mut mapping = mapping.to_vec();
        mapping.sort_by_key(|one| std::cmp::Reverse(one.closeness()));
        Ok(HostRules {
            environment: environment.name.clone(),
            mapping,
            first_site: first_site.transpose()?,
            production,
        })
    }

    /// The address that the configured map gives a record.
    pub(super) fn mapped(&self, record: &SiteRecord) -> Option<Address> {
        let host: HostName = record.hostname.parse().ok()?;
        let (hostname, port) = self.mapping.iter().find_map(|mapping| mapping.apply(&host))?;
        let port = port.map_or(record.port, i32::from);
        Some(Address { hostname: hostname.to_string(), port })
    }

    /// Whether a host belongs to production. The port matters only if neither side uses 80 or 443,
    /// as in a rehearsal on one machine.
    pub fn is_production(&self, hostname: &str, port: i32) -> bool {
        let is_web = |port: i32| matches!(port, 80 | 443);
        let hostname = plain(hostname);
        self.production.iter().any(|(host, other)| {
            *host == hostname && (*other == port || is_web(*other) || is_web(port))
        })
    }
}

/// Normalises a host name for comparison: `WWW.example.org.` is `www.example.org`.
pub(super) fn plain(hostname: &str) -> String {
    hostname.trim().trim_end_matches('.').to_lowercase()
}

fn address(environment: &Environment, text: &str) -> Result<(HostName, i32), SitesError> {
    let bad = || SitesError::BadUrl { environment: environment.name.clone(), url: text.to_owned() };
    let url = Url::parse(text).map_err(|_| bad())?;
    let host = url.host_str().and_then(|host| host.parse().ok()).ok_or_else(bad)?;
    let port = url.port_or_known_default().ok_or_else(bad)?;
    Ok((host, i32::from(port)))
}
