//! Decides whether a server is this machine, by its name or address only, without a lookup.

use url::{Host, Url};

/// Whether the host of a URL is this machine. False for a URL without a host.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
