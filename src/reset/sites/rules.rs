//! What decides about the host of a Site record.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{SiteRecord, SitesError};
use crate::settings::{Environment, HostMapping, HostName};

/// The part of a Site record that the outside sees.
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
    /// The closest first.
    mapping: Vec<HostMapping>,
    /// The environment's first URL.
    pub(super) first_site: Option<(HostName, i32)>,
    /// In lower case. None of them may remain.
    production_hosts: BTreeSet<String>,
}

impl HostRules {
    /// `protected` are the environments whose hosts must not be taken, by the URLs in their
    /// settings, and `production_records` are production's own records, read from its database:
    /// its hosts are in its records and need not be in any setting.
    pub fn new<'e>(
        mapping: &[HostMapping],
        environment: &Environment,
        protected: impl IntoIterator<Item = &'e Environment>,
        production_records: &[SiteRecord],
    ) -> Result<HostRules, SitesError> {
        let first_site = environment.sites.first().map(|url| address(environment, url));
        let mut production_hosts = BTreeSet::new();
        for protected in protected {
            for url in &protected.sites {
                production_hosts.insert(address(protected, url)?.0.to_string());
            }
        }
        production_hosts.extend(production_records.iter().map(|record| plain(&record.hostname)));
        let mut mapping = mapping.to_vec();
        mapping.sort_by_key(|one| std::cmp::Reverse(one.closeness()));
        Ok(HostRules {
            environment: environment.name.clone(),
            mapping,
            first_site: first_site.transpose()?,
            production_hosts,
        })
    }

    /// What the configured map makes of a record.
    pub(super) fn mapped(&self, record: &SiteRecord) -> Option<Address> {
        let host: HostName = record.hostname.parse().ok()?;
        let (hostname, port) = self.mapping.iter().find_map(|mapping| mapping.apply(&host))?;
        let port = port.map_or(record.port, i32::from);
        Some(Address { hostname: hostname.to_string(), port })
    }

    pub fn is_production(&self, hostname: &str) -> bool {
        self.production_hosts.contains(&plain(hostname))
    }
}

/// As names are compared: `WWW.example.org.` is `www.example.org`.
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
