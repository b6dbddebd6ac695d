//! The rules for HTTP that no client here may break: what may travel unencrypted, and where a
//! redirect may lead.

use std::time::Duration;

use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use url::{Host, Url};

/// How many redirects are followed before giving up.
pub const MAX_REDIRECTS: usize = 5;

/// Whether what travels to this URL stays private: encrypted, or not leaving this machine.
pub fn is_private(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Whether the host is this machine, by its name or address alone.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Where a redirect leads, if that is a place that may be asked.
pub fn redirect_target(from: &Url, headers: &HeaderMap) -> Option<Url> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    from.join(location).ok().filter(is_private)
}

/// The wait that a server asks for, where it does so in seconds.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn only_loopback_may_be_unencrypted() {
        for private in
            ["https://h.example", "http://127.0.0.1:1", "http://[::1]", "http://localhost"]
        {
            assert!(is_private(&url(private)), "{private}");
        }
        for open in ["http://h.example", "http://localhost.h.example", "ftp://127.0.0.1"] {
            assert!(!is_private(&url(open)), "{open}");
        }
    }

    #[test]
    fn redirects_stay_private() {
        let target = |location: &'static str| {
            let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(location))]);
            redirect_target(&url("https://h.example/a/b"), &headers).map(String::from)
        };
        assert_eq!(target("c?d").as_deref(), Some("https://h.example/a/c?d"));
        assert_eq!(target("https://other.example/").as_deref(), Some("https://other.example/"));
        assert_eq!(target("http://other.example/"), None);
    }
}
