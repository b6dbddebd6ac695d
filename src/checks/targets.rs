//! Collects an environment's sites from the configuration and from Wagtail's Site records.

use std::collections::BTreeSet;

use url::Url;

use crate::settings::{Environment, HostName};

/// The URLs to check, each host and port once.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    pub urls: Vec<Url>,
    /// Sites that cannot be checked, and why.
    pub warnings: Vec<String>,
}

impl Targets {
    /// The environment's configured sites.
    pub fn of(environment: &Environment) -> Targets {
        let mut targets = Targets::default();
        for site in &environment.sites {
            match Url::parse(site) {
                Ok(url) if ["https", "http"].contains(&url.scheme()) && url.has_host() => {
                    targets.add(url);
                }
                _ => targets.warnings.push(format!(
                    "`{site}` of environments.{}.sites is not a URL of a site; bcops skips it",
                    environment.name
                )),
            }
        }
        targets
    }

    /// Adds a Site record. By Wagtail's own rule, port 443 means https and any other port http.
    pub fn add_record(&mut self, hostname: &str, port: i32) {
        let host: Result<HostName, _> = hostname.trim().parse();
        let (Ok(host), Ok(port)) = (host, u16::try_from(port)) else {
            let text =
                format!("the Site record {hostname}:{port} does not name a host; bcops skips it");
            self.warnings.push(text);
            return;
        };
        // Wagtail's default record, before someone sets a host name.
        if host.as_str() == "localhost" {
            let text = "a Site record names localhost, which is not a public host; bcops skips it";
            self.warnings.push(text.to_owned());
            return;
        }
        let scheme = if port == 443 { "https" } else { "http" };
        if let Ok(url) = Url::parse(&format!("{scheme}://{host}:{port}/")) {
            self.add(url);
        }
    }

    /// Adds a URL unless its site is known. A record with port 80 is the site that the
    /// configuration names with https.
    fn add(&mut self, url: Url) {
        let is_default = |url: &Url| url.port().is_none();
        let same = |other: &Url| {
            other.host_str() == url.host_str()
                && (other.port_or_known_default() == url.port_or_known_default()
                    || is_default(other) && is_default(&url) && other.scheme() == "https")
        };
        if !self.urls.iter().any(same) {
            self.urls.push(url);
        }
    }
}

/// The hosts of protected environments' configured sites, to which an unprotected environment must
/// not lead. Hosts that it shares with them do not count.
pub fn protected_hosts<'e>(
    environment: &Environment,
    all: impl Iterator<Item = &'e Environment>,
    own: &[Url],
) -> BTreeSet<String> {
    if environment.protected {
        return BTreeSet::new();
    }
    let protected = all.filter(|one| one.protected && one.name != environment.name);
    let hosts = protected.flat_map(|one| Targets::of(one).urls);
    let is_own = |host: &String| own.iter().any(|url| url.host_str() == Some(host.as_str()));
    hosts.filter_map(|url| url.host_str().map(str::to_owned)).filter(|host| !is_own(host)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_site_is_checked_once() {
        let mut targets = Targets::default();
        targets.add(Url::parse("https://a.example").unwrap());
        for (host, port) in [
            ("A.example", 443),
            ("a.example", 80),
            ("b.example", 80),
            ("b.example", 443),
            ("c.example", 8000),
        ] {
            targets.add_record(host, port);
        }
        let urls: Vec<&str> = targets.urls.iter().map(Url::as_str).collect();
        let wanted = [
            "https://a.example/",
            "http://b.example/",
            "https://b.example/",
            "http://c.example:8000/",
        ];
        assert_eq!(urls, wanted);
        for (host, port) in
            [("localhost", 80), ("", 443), ("a b", 443), ("a.example", -1), ("a/b", 1)]
        {
            targets.add_record(host, port);
        }
        assert_eq!((targets.urls.len(), targets.warnings.len()), (4, 5));
    }
}
