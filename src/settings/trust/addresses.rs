//! Refuses addresses of this machine in a found file, trusted or not, for servers that get a token
//! or the site's code.
//!
//! Data sent to this machine is not encrypted, and any user of the machine can listen. A test or a
//! rehearsal sets a variable, or names its file.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::settings::SettingsError;
use crate::settings::keys::{self, Declaration};
use crate::settings::layers::{Layers, RawValue};

/// Servers that get a token, a signed request or the site's code.
const TOKENS_GO_TO: [Declaration; 6] = [
    keys::HEROKU_HOST.declaration,
    keys::HEROKU_DATA_HOST.declaration,
    keys::HEROKU_GIT_HOST.declaration,
    keys::CLOUDFLARE_BASE_URL.declaration,
    keys::GITLAB_URL.declaration,
    keys::MEDIA_ENDPOINT.declaration,
];

pub fn check(file: &Layers) -> Result<(), SettingsError> {
    for key in TOKENS_GO_TO {
        let Some(given) = key.raw(file) else { continue };
        let RawValue::Text(text) = &given.value else { continue };
        if !leads_away_from_this_machine(text) {
            return Err(SettingsError::OnThisMachine {
                origin: given.origin.to_string(),
                key: key.name.to_owned(),
            });
        }
    }
    Ok(())
}

/// Whether the text names another machine, by `https://` or without a scheme.
fn leads_away_from_this_machine(text: &str) -> bool {
    let text = text.trim();
    let url = match text.contains("://") {
        true => Url::parse(text),
        false => Url::parse(&format!("https://{text}")),
    };
    let Ok(url) = url else { return false };
    let is_elsewhere = match url.host() {
        Some(Host::Domain(name)) => !is_local_name(name),
        Some(Host::Ipv4(address)) => !is_local_v4(address),
        Some(Host::Ipv6(address)) => !is_local_v6(address),
        None => false,
    };
    url.scheme() == "https" && is_elsewhere
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let first = name.split('.').next().unwrap_or_default();
    name.is_empty()
        || name.ends_with(".localhost")
        || matches!(
            first,
            "localhost" | "localhost4" | "localhost6" | "ip6-localhost" | "ip6-loopback"
        )
}

fn is_local_v4(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.octets().first() == Some(&0)
}

fn is_local_v6(address: Ipv6Addr) -> bool {
    // An IPv4 address written as IPv6 reaches the same listener.
    address.is_loopback() || address.is_unspecified() || address.to_ipv4().is_some_and(is_local_v4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_recognized_by_every_name() {
        for local in [
            "localhost",
            "LOCALHOST:8080",
            "localhost.",
            "http://localhost:1/x",
            "https://api.localhost",
            "localhost.localdomain",
            "127.0.0.1",
            "https://127.1",
            "https://2130706433",
            "https://0x7f.0.0.1",
            "0.0.0.0:80",
            "https://[::1]",
            "[::]:9",
            "https://[::ffff:127.0.0.1]",
            "file:///srv/git",
            "file://evil.example/share",
            "http://gitlab.example.org",
            "ssh://git.example",
            "https://",
            "",
            "https://user@localhost",
        ] {
            assert!(!leads_away_from_this_machine(local), "{local}");
        }
        for away in [
            "api.heroku.com",
            "https://git.torchbox.com",
            "https://192.0.2.7:8443",
            "git.example:1",
        ] {
            assert!(leads_away_from_this_machine(away), "{away}");
        }
    }
}
