//! Whether a server is this machine, by its name or address alone: nobody is asked.

use url::{Host, Url};

/// Whether the host of a URL is this machine. A URL without a host is not.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
