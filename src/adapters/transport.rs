//! Holds the common rules of all clients of HTTP APIs: what may be sent unencrypted, where a
//! redirect may lead, how much of an answer is read.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{ClientBuilder, Response, redirect};
use url::Url;

pub use crate::loopback::is_loopback;

/// How many redirects are followed before a failure.
pub const MAX_REDIRECTS: usize = 5;

/// A client that follows no redirects and repeats nothing itself, because a token must not go to
/// another server, and only the sender knows whether a request may be repeated.
pub fn client(connect: Duration, request: Duration) -> ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("bcops/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect)
        .timeout(request)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
}

/// Why an answer could not be read completely.
#[derive(Debug)]
pub enum BodyError {
    Network(reqwest::Error),
    /// The answer is longer than any expected answer, or endless.
    TooLong,
}

/// Reads a whole answer of at most `longest` bytes.
pub async fn whole_body(mut response: Response, longest: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Network)? {
        body.extend_from_slice(&chunk);
        if body.len() > longest {
            return Err(BodyError::TooLong);
        }
    }
    Ok(body)
}

/// A URL below a base. Each element of the path is one segment, whatever it holds.
pub fn below(base: &Url, path: &[&str], query: &[(&str, &str)]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

/// Whether data sent to this URL stays private: encrypted, or on this machine.
pub fn is_private(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => is_loopback(url),
        _ => false,
    }
}

/// The target of a redirect, if it may be followed.
pub fn redirect_target(from: &Url, headers: &HeaderMap) -> Option<Url> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    from.join(location).ok().filter(is_private)
}

/// Decodes a part of a URL. `None` if a percent sign is not followed by two digits, or if the
/// result is not UTF-8.
pub fn percent_decoded(text: &str) -> Option<String> {
    let begins_with_digits =
        |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if !text.split('%').skip(1).all(begins_with_digits) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

/// The address that a connection really reaches: the unspecified address means loopback.
pub fn reached(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

/// The wait that a server asks for, if it is in seconds.
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
    fn only_whole_percent_sequences_are_decoded() {
        assert_eq!(percent_decoded("p%3Aw%C3%BC").as_deref(), Some("p:wü"));
        for broken in ["hunter%2", "%", "%zz", "%C3"] {
            assert_eq!(percent_decoded(broken), None, "{broken}");
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
