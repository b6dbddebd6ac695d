//! Compares Cloudflare zones by id. A zone's name counts only if Cloudflare serves the zone,
//! because anyone can add a zone with any name.

use super::Verdicts;
use crate::caches::{self, FrontEnd};
use crate::deployment::conclusion::Verdict;
use crate::deployment::known;
use crate::deployment::protected::ProtectedSide;

/// Compares a zone with those of every protected environment.
pub fn zone<'a>(zone: &FrontEnd, sides: &[ProtectedSide<'a>]) -> Verdicts<'a> {
    sides.iter().map(|side| (side.environment, of_side(zone, side))).collect()
}

fn of_side(zone: &FrontEnd, side: &ProtectedSide<'_>) -> Verdict {
    let environment = side.environment;
    if let Some(entry) = known::zone(environment, zone.id.as_str()) {
        return Verdict::same(&entry);
    }
    let variable = environment.cache_variables.zone.as_str();
    let mut compared = !environment.known.zones.is_empty();
    for vars in side.values.variants() {
        match caches::zone_variable(environment, &vars) {
            Ok(Some(theirs)) if theirs == zone.id => return Verdict::same(variable),
            Ok(theirs) => compared |= theirs.is_some(),
            Err(error) => return Verdict::unknown(error.to_string()),
        }
    }
    let hosts = caches::hosts(environment);
    let covers = |host: &String| zone.covers(host) == Some(true);
    if let Some(host) = hosts.iter().find(|host| covers(host)) {
        // The protected site has its own zone, so a zone of a parent domain is a different one.
        return match compared {
            true => Verdict::Different,
            false => Verdict::Same { named_by: Some(format!("the site {host}")) },
        };
    }
    if compared {
        return Verdict::Different;
    }
    let is_active = zone.zone.as_ref().is_ok_and(|found| found.is_active);
    let has_login = caches::login(environment, &side.values.in_force()).is_ok();
    match (&side.unread, is_active && !hosts.is_empty()) {
        // The zone that Cloudflare serves has none of the hosts of the protected site.
        (_, true) => Verdict::Different,
        (None, false) if !has_login => Verdict::Different,
        (None, false) => Verdict::unknown(format!(
            "{} has a login for Cloudflare and no {variable}, and the zone {} is inactive or its \
             name cannot be read",
            environment.app.value,
            zone.id.as_str()
        )),
        (Some(reason), false) => {
            Verdict::unknown(format!("the zone of {} is not known: {reason}", environment.name))
        }
    }
}
