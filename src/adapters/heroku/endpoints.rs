//! Decides the addresses of Heroku's two APIs, and whether they may get the token.
//!
//! `HEROKU_HOST` and `HEROKU_DATA_HOST` read like the Heroku CLI's own: a bare `HEROKU_HOST` is a
//! domain whose API lives at `api.`, and a bare `HEROKU_DATA_HOST` takes scheme and port from
//! `HEROKU_HOST` if that is a URL. Unlike in the CLI, a URL with a path and a host with a port
//! work.

use url::Url;

use super::service::HEROKU;
use crate::adapters::json_api::{ApiError, ErrorKind, Reason, base, place};
use crate::settings::keys;

/// The base URLs of both APIs. Both are safe to receive a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    platform: Url,
    data: Url,
}

impl Endpoints {
    /// Reads the values of `HEROKU_HOST` and `HEROKU_DATA_HOST`.
    pub fn resolve(
        heroku_host: Option<&str>,
        heroku_data_host: Option<&str>,
    ) -> Result<Self, ApiError> {
        let platform = match given(heroku_host) {
            None => parse("HEROKU_HOST", keys::HEROKU_HOST.default_text())?,
            Some(host) if is_url(host) => parse("HEROKU_HOST", host)?,
            Some(host) => parse("HEROKU_HOST", &format!("https://api.{host}"))?,
        };
        let data = match given(heroku_data_host) {
            None => {
                let host = keys::HEROKU_DATA_HOST.default_text();
                parse("HEROKU_DATA_HOST", &format!("https://{host}"))?
            }
            Some(host) if is_url(host) => parse("HEROKU_DATA_HOST", host)?,
            Some(host) if given(heroku_host).is_some_and(is_url) => beside(&platform, host)?,
            Some(host) => parse("HEROKU_DATA_HOST", &format!("https://{host}"))?,
        };
        Ok(Endpoints { platform, data })
    }

    pub(super) fn platform(&self) -> &Url {
        &self.platform
    }

    pub(super) fn data(&self) -> &Url {
        &self.data
    }

    /// The name of the token's entry in netrc: the API's host, with the port unless it is the
    /// default.
    pub fn netrc_machine(&self) -> String {
        place(&self.platform)
    }
}

fn given(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|value| !value.is_empty())
}

fn is_url(value: &str) -> bool {
    value.contains("://")
}

/// A bare data host with the scheme and port of the platform API, unless it has its own port.
fn beside(platform: &Url, host: &str) -> Result<Url, ApiError> {
    let mut url = parse("HEROKU_DATA_HOST", &format!("{}://{host}", platform.scheme()))?;
    if url.port().is_none() && url.set_port(platform.port()).is_err() {
        let reason = Reason::new(ErrorKind::Unusable, "bcops cannot add a port to it");
        return Err(ApiError::before_any(&HEROKU, "HEROKU_DATA_HOST", reason));
    }
    Ok(url)
}

fn parse(variable: &str, text: &str) -> Result<Url, ApiError> {
    base(&HEROKU, variable, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(host: Option<&str>, data: Option<&str>) -> (String, String, String) {
        let endpoints = Endpoints::resolve(host, data).expect("endpoints");
        (endpoints.platform.to_string(), endpoints.data.to_string(), endpoints.netrc_machine())
    }

    #[test]
    fn reads_hosts_and_urls() {
        let expect = |host, data, platform: &str, data_url: &str, machine: &str| {
            let expected = (platform.to_owned(), data_url.to_owned(), machine.to_owned());
            assert_eq!(resolved(host, data), expected, "{host:?} {data:?}");
        };
        let real_data = "https://api.data.heroku.com/";
        expect(None, None, "https://api.heroku.com/", real_data, "api.heroku.com");
        expect(Some(" "), Some(""), "https://api.heroku.com/", real_data, "api.heroku.com");
        expect(Some("heroku.test"), None, "https://api.heroku.test/", real_data, "api.heroku.test");
        let local = "http://127.0.0.1:18080/";
        expect(Some(local), Some("localhost"), local, "http://localhost:18080/", "127.0.0.1:18080");
        expect(Some(local), Some("[::1]:9"), local, "http://[::1]:9/", "127.0.0.1:18080");
        expect(Some(local), Some("https://d.test/p"), local, "https://d.test/p", "127.0.0.1:18080");
        expect(
            None,
            Some("d.test"),
            "https://api.heroku.com/",
            "https://d.test/",
            "api.heroku.com",
        );
    }

    #[test]
    fn refuses_to_send_a_token_unencrypted() {
        for (host, data) in [
            (Some("http://api.heroku.com"), None),
            (None, Some("http://api.data.heroku.com")),
            (Some("http://127.0.0.1:1"), Some("api.data.heroku.com")),
        ] {
            let refused = Endpoints::resolve(host, data);
            let kind = refused.expect_err("refused").kind();
            assert_eq!(kind, ErrorKind::Unencrypted, "{host:?} {data:?}");
        }
        for host in ["https://u:secret@h", "https://h/?q", "https://", "https://a b"] {
            let error = Endpoints::resolve(Some(host), None).expect_err(host).to_string();
            assert!(error.contains("HEROKU_HOST") && !error.contains("secret"), "{error}");
        }
    }
}
