//! Decides what each Site record becomes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rules::plain;
use super::{Address, HostRules, SiteRecord, SitesError};

/// Why a record gets its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// `reset.hosts` sets it.
    Configured,
    /// The environment's own record had this host before the reset.
    AsBefore,
    /// The record is the default site, which gets the environment's first URL.
    FirstSite,
    /// The first label of production's host name, followed by the environment's first host.
    Derived,
}

/// The change of one record. It may change nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub id: i64,
    pub root_page_id: i64,
    pub from: Address,
    pub to: Address,
    pub reason: Reason,
    /// Something that a person should look at.
    pub warning: Option<String>,
}

impl Change {
    pub fn changes_anything(&self) -> bool {
        self.from != self.to
    }

    pub(super) fn describe(&self) -> String {
        format!("the site {} ({})", self.id, self.from)
    }
}

/// A change for each record, by id. `before` are the environment's own records from before its
/// database was replaced.
///
/// # Errors
/// If no rule has a host for a record, or a record would have a host of production's or the same
/// host and port as another.
pub fn plan(
    now: &[SiteRecord],
    before: &[SiteRecord],
    rules: &HostRules,
) -> Result<Vec<Change>, SitesError> {
    // If several records are marked as default, only one can have the default's address.
    let default = now.iter().filter(|record| record.is_default_site).map(|record| record.id).min();
    let mut changes = Vec::new();
    for record in now {
        let (to, reason, warning) = decide(record, default == Some(record.id), before, rules)?;
        let from = Address { hostname: record.hostname.clone(), port: record.port };
        let (id, root_page_id) = (record.id, record.root_page_id);
        changes.push(Change { id, root_page_id, from, to, reason, warning });
    }
    changes.sort_by_key(|change| change.id);
    check(&changes, rules)?;
    Ok(changes)
}

fn decide(
    record: &SiteRecord,
    is_default: bool,
    before: &[SiteRecord],
    rules: &HostRules,
) -> Result<(Address, Reason, Option<String>), SitesError> {
    if let Some(address) = rules.mapped(record) {
        return Ok((address, Reason::Configured, None));
    }
    let own = before.iter().find(|one| {
        one.id == record.id
            && one.root_page_id == record.root_page_id
            // A record that still has production's host from an earlier reset does not count.
            && !rules.is_production(&one.hostname, one.port)
    });
    if let Some(own) = own {
        let address = Address { hostname: own.hostname.clone(), port: own.port };
        return Ok((address, Reason::AsBefore, None));
    }
    let no_host =
        || SitesError::NoHost { record: record.describe(), environment: rules.environment.clone() };
    let (host, port) = rules.first_site.as_ref().ok_or_else(no_host)?;
    if is_default {
        let address = Address { hostname: host.to_string(), port: *port };
        return Ok((address, Reason::FirstSite, None));
    }
    let name = plain(&record.hostname);
    let label = name.split('.').next().unwrap_or_default();
    let hostname = host.below(label).map_err(|_| no_host())?;
    let warning = format!(
        "{} becomes {hostname}, which may lack a DNS record, a certificate or an entry in \
         ALLOWED_HOSTS; to choose another name, set reset.hosts",
        record.describe()
    );
    Ok((Address { hostname: hostname.to_string(), port: *port }, Reason::Derived, Some(warning)))
}

fn check(changes: &[Change], rules: &HostRules) -> Result<(), SitesError> {
    let mut taken: BTreeMap<(String, i32), &Change> = BTreeMap::new();
    for change in changes {
        if rules.is_production(&change.to.hostname, change.to.port) {
            let (record, host) = (change.describe(), change.to.hostname.clone());
            return Err(SitesError::Production { record, host });
        }
        let address = (plain(&change.to.hostname), change.to.port);
        if let Some(other) = taken.insert(address, change) {
            let address = change.to.to_string();
            let (one, other) = (other.describe(), change.describe());
            return Err(SitesError::Same { one, other, address });
        }
    }
    Ok(())
}
