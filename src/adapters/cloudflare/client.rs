//! Sends requests about zones and purges to Cloudflare, with one login.

use std::time::Duration;

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::credentials::Credentials;
use super::service::{CLOUDFLARE, Envelope};
use super::{Timing, budget};
use crate::adapters::json_api::{ApiError, JsonApi, Request, base, place};
use crate::settings::keys;

/// A client with one login.
#[derive(Debug, Clone)]
pub struct Cloudflare {
    pub(super) api: JsonApi,
    base: Url,
    pub(super) credentials: Credentials,
    timing: Timing,
}

impl Cloudflare {
    /// # Errors
    /// If the URL is not valid or not encrypted, or if the credentials do not fit into a header.
    pub fn new(
        base: Option<&str>,
        credentials: Credentials,
        limit: Option<Duration>,
    ) -> Result<Self, ApiError> {
        Cloudflare::with_timing(base, credentials, Timing::default().limited(limit))
    }

    pub fn with_timing(
        base_url: Option<&str>,
        credentials: Credentials,
        timing: Timing,
    ) -> Result<Self, ApiError> {
        let base_url = base_url.unwrap_or(keys::CLOUDFLARE_BASE_URL.default_text());
        let base = base(&CLOUDFLARE, "cloudflare.base_url", base_url)?;
        let api = JsonApi::new(&CLOUDFLARE, credentials.login()?, timing.api())?;
        Ok(Cloudflare { api, base, credentials, timing })
    }

    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Host and port of the API, for messages.
    pub fn place(&self) -> String {
        place(&self.base)
    }

    pub(super) fn request<'a>(
        &'a self,
        path: &'a [&'a str],
        what: impl Into<String>,
    ) -> Request<'a> {
        Request::new(&self.base, path, what)
    }

    /// Sends a GET, and repeats the request where that can help.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        request: Request<'_>,
    ) -> Result<T, ApiError> {
        Ok(self.api.json::<Envelope<T>>(request).await?.result)
    }

    /// Sends a POST exactly once: the caller decides whether to repeat the request. Returns the
    /// wait before the next request, if a limit is used up.
    pub(super) async fn post(
        &self,
        request: Request<'_>,
        body: &Value,
    ) -> Result<Option<Duration>, ApiError> {
        let answer = self.api.send(&request.method(Method::POST).body(Some(body)).once()).await?;
        Ok(budget::wait(&answer.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::json_api::ErrorKind;
    use crate::adapters::transport::below;
    use crate::secret::Secret;

    fn client(base: &str) -> Result<Cloudflare, ApiError> {
        Cloudflare::new(Some(base), Credentials::Token(Secret::new("t")), None)
    }

    fn kind(refused: Result<Cloudflare, ApiError>) -> ErrorKind {
        refused.expect_err("refused").kind()
    }

    #[test]
    fn the_token_is_sent_encrypted_only() {
        assert!(client("https://gateway.example/client/v4/").is_ok());
        assert!(client("http://127.0.0.1:1/client/v4").is_ok());
        let open = client("http://gateway.example/client/v4");
        assert_eq!(kind(open), ErrorKind::Unencrypted);
        for bad in ["api.cloudflare.com", "mailto:x", "https://u:p@gateway.example", ""] {
            let refused = client(bad);
            assert_eq!(kind(refused), ErrorKind::Unusable, "{bad}");
        }
        let token = Credentials::Token(Secret::new("two\nlines"));
        let refused = Cloudflare::new(None, token, None);
        assert_eq!(kind(refused), ErrorKind::Credentials);
    }

    #[test]
    fn paths_stay_below_the_base() {
        let url = |base: &str| {
            let client = client(base).expect("a client");
            below(&client.base, &["zones", "a/b"], &[("name", "x y")]).to_string()
        };
        let wanted = "https://h.example/v4/zones/a%2Fb?name=x+y";
        assert_eq!(url("https://h.example/v4"), wanted);
        assert_eq!(url("https://h.example/v4/"), wanted);
    }
}
