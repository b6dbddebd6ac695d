//! Finds the Cloudflare zone of an environment, and checks that URLs to purge lie in it.

use std::collections::BTreeSet;

use super::{Deployments, Values};
use crate::adapters::cloudflare::Cloudflare;
use crate::adapters::postgres::{PostgresError, connect};
use crate::caches::{self, FrontEnd, Work};
use crate::events::Event;
use crate::failure::CommandError;
use crate::settings::Environment;

/// A zone, and a client with the site's own login.
pub struct Zone {
    pub client: Cloudflare,
    pub front_end: FrontEnd,
}

pub async fn find(
    deployments: Deployments<'_>,
    environment: &Environment,
    values: &Values,
) -> Result<Zone, CommandError> {
    let vars = values.in_force();
    let login = caches::login(environment, &vars)?;
    if let Some(unused) = &login.unused {
        let text = format!(
            "{} of {} is set as well as {unused}; the site and bcops use the account-wide key of \
             {}",
            login.origin, environment.app.value, login.origin
        );
        deployments.reporter.emit(Event::Warning(text));
    }
    let base = deployments.settings.cloudflare_base_url.as_ref().map(|found| found.value.as_str());
    let client = Cloudflare::new(base, login.credentials, deployments.settings.network_timeout)?;
    let front_end = caches::find_zone(&client, environment, &vars).await?;
    if let Err(reason) = &front_end.zone {
        let text = format!(
            "the name of the zone {} cannot be read ({reason}); bcops shows its id instead",
            front_end.id
        );
        deployments.reporter.emit(Event::Warning(text));
    }
    Ok(Zone { client, front_end })
}

/// Refuses URLs, hosts and prefixes outside of the zone. If the zone's name is not known, the
/// environment's own hosts decide.
pub async fn check_hosts(
    deployments: Deployments<'_>,
    environment: &Environment,
    values: &Values,
    zone: &Zone,
    work: &Work,
) -> Result<(), CommandError> {
    let Work::Some(targets) = work else { return Ok(()) };
    if let Ok(found) = &zone.front_end.zone {
        let ours = format!("the zone {}", found.name);
        return Ok(targets.check_hosts(|host| caches::is_below(host, &found.name), &ours)?);
    }
    let mut hosts: BTreeSet<String> = caches::hosts(environment).into_iter().collect();
    let is_among = |hosts: &BTreeSet<String>, host: &str| hosts.contains(host);
    let ours = format!("the sites of {}", environment.name);
    if targets.check_hosts(|host| is_among(&hosts, host), &ours).is_ok() {
        return Ok(());
    }
    match site_records(environment, values).await {
        Ok(records) => hosts.extend(records),
        Err(error) => {
            let text = format!("cannot read the Site records of {}: {error}", environment.name);
            deployments.reporter.emit(Event::Warning(text));
        }
    }
    targets.check_hosts(|host| is_among(&hosts, host), &ours).map_err(|error| {
        CommandError::from(error)
            .hint(format!("add the host to environments.{}.sites in bcops.toml", environment.name))
            .hint(
                "or give the token the permission Zone / Zone / Read, which shows the zone's \
                   name",
            )
    })
}

/// The hosts in Wagtail's Site records.
async fn site_records(
    environment: &Environment,
    values: &Values,
) -> Result<Vec<String>, CommandError> {
    let session = connect(&values.database(environment)?).await?;
    let sql = "SELECT lower(hostname) FROM wagtailcore_site";
    let rows = session.query(sql, &[]).await.map_err(PostgresError::from)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
