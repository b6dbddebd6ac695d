//! Finds the login and the zone of an environment's front-end cache, from the config vars that
//! Wagtail's own Cloudflare backend uses.

use crate::adapters::cloudflare::{Cloudflare, Credentials, Zone, ZoneId};
use crate::adapters::heroku::ConfigVars;
use crate::adapters::json_api::ErrorKind;
use crate::secret::Secret;
use crate::settings::Environment;

use super::CacheError;

/// Credentials, and where they come from.
#[derive(Debug, Clone)]
pub struct Login {
    pub credentials: Credentials,
    /// The config var with the credentials.
    pub origin: String,
    /// The config var of the other kind, if both are set.
    pub unused: Option<String>,
}

/// The Cloudflare zone of an environment.
#[derive(Debug, Clone)]
pub struct FrontEnd {
    pub id: ZoneId,
    /// The zone as Cloudflare describes it, or why it could not be read.
    pub zone: Result<Zone, String>,
}

impl FrontEnd {
    /// The name that users know and type, or the id if the name cannot be read.
    pub fn label(&self) -> &str {
        self.zone.as_ref().map_or(self.id.as_str(), |zone| zone.name.as_str())
    }

    /// The zone's plan, if Cloudflare reports the plan.
    pub fn plan(&self) -> Option<&str> {
        self.zone.as_ref().ok()?.plan.as_deref()
    }

    /// Whether a host belongs to the zone. `None` if the zone's name is unknown.
    pub fn covers(&self, host: &str) -> Option<bool> {
        self.zone.as_ref().ok().map(|zone| is_below(host, &zone.name))
    }
}

/// Whether a host is the domain or one of its subdomains.
pub fn is_below(host: &str, domain: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// The login that the site itself uses. If both kinds are set, the account-wide key wins.
///
/// # Errors
/// If no login is set, or a key without its e-mail address.
pub fn login(environment: &Environment, vars: &ConfigVars) -> Result<Login, CacheError> {
    let names = &environment.cache_variables;
    let (bearer, key) = (set(vars, &names.bearer_token), set(vars, &names.token));
    let Some(key) = key else {
        let token = bearer.ok_or_else(|| CacheError::NoFrontEnd {
            environment: environment.name.clone(),
            app: environment.app.value.clone(),
            bearer: names.bearer_token.clone(),
            token: names.token.clone(),
        })?;
        let credentials = Credentials::Token(Secret::new(token));
        return Ok(Login { credentials, origin: names.bearer_token.clone(), unused: None });
    };
    let email = set(vars, &names.email).ok_or_else(|| CacheError::NoVariable {
        environment: environment.name.clone(),
        app: environment.app.value.clone(),
        variable: names.email.clone(),
        key: "cloudflare_email",
        why: "must be set together with Cloudflare's account-wide key",
    })?;
    Ok(Login {
        credentials: Credentials::Key { key: Secret::new(key), email },
        origin: names.token.clone(),
        unused: bearer.map(|_| names.bearer_token.clone()),
    })
}

/// The zone that the config vars name, if they name one.
pub fn zone_variable(
    environment: &Environment,
    vars: &ConfigVars,
) -> Result<Option<ZoneId>, CacheError> {
    let variable = &environment.cache_variables.zone;
    let Some(given) = set(vars, variable) else { return Ok(None) };
    ZoneId::parse(&given).map(Some).map_err(|source| CacheError::Zone {
        app: environment.app.value.clone(),
        variable: variable.clone(),
        source,
    })
}

/// The zone of the config var, else the zone that contains one of the environment's sites.
///
/// # Errors
/// If there is no zone, or Cloudflare refuses the login. A login that may not read the zone of the
/// config var is not an error, because it may still purge the zone.
pub async fn find_zone(
    client: &Cloudflare,
    environment: &Environment,
    vars: &ConfigVars,
) -> Result<FrontEnd, CacheError> {
    if let Some(id) = zone_variable(environment, vars)? {
        let mut zone = client.zone(&id).await;
        if zone.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unauthorized) {
            // Cloudflare sometimes refuses a valid token once.
            zone = client.zone(&id).await;
        }
        return match zone {
            Ok(zone) => Ok(FrontEnd { id, zone: Ok(zone) }),
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                Ok(FrontEnd { id, zone: Err(error.to_string()) })
            }
            Err(error) => Err(error.into()),
        };
    }
    let hosts = hosts(environment);
    for host in &hosts {
        for name in domains(host) {
            if let Some(zone) = client.zone_named(name).await? {
                return Ok(FrontEnd { id: zone.id.clone(), zone: Ok(zone) });
            }
        }
    }
    Err(CacheError::NoZone {
        environment: environment.name.clone(),
        hosts: if hosts.is_empty() { environment.app.value.clone() } else { hosts.join(", ") },
        variable: environment.cache_variables.zone.clone(),
    })
}

/// The hosts of the configured sites.
pub fn hosts(environment: &Environment) -> Vec<String> {
    let sites = environment.sites.iter().filter_map(|site| url::Url::parse(site).ok());
    sites.filter_map(|url| url.host_str().map(str::to_owned)).collect()
}

/// The host and every parent domain with at least one dot.
fn domains(host: &str) -> impl Iterator<Item = &str> {
    let above = std::iter::successors(Some(host), |name| Some(name.split_once('.')?.1));
    above.filter(|name| name.contains('.'))
}

fn set(vars: &ConfigVars, name: &str) -> Option<String> {
    vars.get(name).map(|value| value.expose().trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_covers_its_name_and_its_subdomains() {
        assert!(
            is_below("example.org", "example.org") && is_below("WWW.example.org", "example.org")
        );
        for other in ["notexample.org", "example.org.evil.test", "org", ""] {
            assert!(!is_below(other, "example.org"), "{other}");
        }
    }

    #[test]
    fn zones_are_searched_from_the_host_upwards() {
        let found: Vec<&str> = domains("www.bucks.gov.uk").collect();
        assert_eq!(found, ["www.bucks.gov.uk", "bucks.gov.uk", "gov.uk"]);
        assert_eq!(domains("localhost").count(), 0);
    }
}
