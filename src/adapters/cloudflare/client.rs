//! The HTTP side: headers, the envelope, and which failures are worth another try.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::credentials::Credentials;
use super::error::CloudflareError;
use super::{Timing, budget, envelope};
use crate::adapters::transport::{self, BodyError};
use crate::settings::keys;

/// No answer that bcops asks for comes near it.
const LONGEST_ANSWER: usize = 4 << 20;

/// A client with one login.
#[derive(Debug, Clone)]
pub struct Cloudflare {
    http: Client,
    base: Url,
    pub(super) credentials: Credentials,
    pub(super) timing: Timing,
}

/// The result of a request that succeeded, and what the server says about the next one.
#[derive(Debug)]
pub struct Answer<T> {
    pub result: T,
    /// A limit has nothing left until then.
    pub wait: Option<Duration>,
}

impl Cloudflare {
    /// # Errors
    /// Where the URL is none, or would carry the token unencrypted; where the credentials cannot be
    /// written into a header.
    pub fn new(
        base: Option<&str>,
        credentials: Credentials,
        limit: Option<Duration>,
    ) -> Result<Self, CloudflareError> {
        Cloudflare::with_timing(base, credentials, Timing::default().limited(limit))
    }

    pub fn with_timing(
        base: Option<&str>,
        credentials: Credentials,
        timing: Timing,
    ) -> Result<Self, CloudflareError> {
        let base = Url::parse(base.unwrap_or(keys::CLOUDFLARE_BASE_URL.default_text()))
            .map_err(|error| CloudflareError::InvalidEndpoint { reason: error.to_string() })?;
        if base.cannot_be_a_base() || base.host().is_none() {
            let reason = "it has no host".to_owned();
            return Err(CloudflareError::InvalidEndpoint { reason });
        }
        if !base.username().is_empty() || base.password().is_some() {
            let reason = "it holds a user's name or a password".to_owned();
            return Err(CloudflareError::InvalidEndpoint { reason });
        }
        if !transport::is_private(&base) {
            return Err(CloudflareError::UnencryptedEndpoint);
        }
        let http = transport::client(timing.connect, timing.request)
            .default_headers(credentials.headers()?)
            .build()
            .map_err(CloudflareError::ClientSetup)?;
        Ok(Cloudflare { http, base, credentials, timing })
    }

    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Where it asks, for messages.
    pub fn place(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// GET, repeated where that can help.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        what: &str,
    ) -> Result<T, CloudflareError> {
        let mut failures = 0;
        loop {
            let request = self.http.request(Method::GET, self.url(path, query));
            let error = match self.once(request, what).await {
                Ok(answer) => return read(answer.result, what),
                Err(error) => error,
            };
            failures += 1;
            let wait = match &error {
                CloudflareError::RateLimited { retry_after: Some(wait), .. } => *wait,
                _ => self.timing.backoff.wait(failures),
            };
            if !error.is_transient() || failures >= self.timing.tries || wait > self.timing.request
            {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// POST, exactly once: whether to send it again is for the caller to decide.
    pub(super) async fn post(
        &self,
        path: &[&str],
        body: &Value,
        what: &str,
    ) -> Result<Answer<Value>, CloudflareError> {
        self.once(self.http.request(Method::POST, self.url(path, &[])).json(body), what).await
    }

    async fn once(
        &self,
        request: RequestBuilder,
        what: &str,
    ) -> Result<Answer<Value>, CloudflareError> {
        let failed = |cause: reqwest::Error| {
            let what = what.to_owned();
            match cause.is_connect() {
                true => CloudflareError::Unsent { what, cause: cause.without_url() },
                false => CloudflareError::Lost { what, cause: cause.without_url() },
            }
        };
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        if status.as_u16() == 429 {
            let retry_after = transport::retry_after(response.headers());
            return Err(CloudflareError::RateLimited { what: what.to_owned(), retry_after });
        }
        let wait = budget::wait(response.headers());
        let body = transport::whole_body(response, LONGEST_ANSWER).await;
        let body = body.map_err(|error| match error {
            BodyError::Network(cause) => failed(cause),
            BodyError::TooLong => {
                let (what, status) = (what.to_owned(), status.as_u16());
                CloudflareError::NotCloudflare { what, status }
            }
        })?;
        let result = envelope::open(status, &body, what, &self.credentials)?;
        Ok(Answer { result, wait })
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        transport::below(&self.base, path, query)
    }
}

pub(super) fn read<T: DeserializeOwned>(result: Value, what: &str) -> Result<T, CloudflareError> {
    serde_json::from_value(result)
        .map_err(|cause| CloudflareError::UnexpectedResult { what: what.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn client(base: &str) -> Result<Cloudflare, CloudflareError> {
        Cloudflare::new(Some(base), Credentials::Token(Secret::new("t")), None)
    }

    #[test]
    fn the_token_travels_encrypted_or_not_at_all() {
        assert!(client("https://gateway.example/client/v4/").is_ok());
        assert!(client("http://127.0.0.1:1/client/v4").is_ok());
        let open = client("http://gateway.example/client/v4");
        assert!(matches!(open, Err(CloudflareError::UnencryptedEndpoint)));
        for bad in ["api.cloudflare.com", "mailto:x", "https://u:p@gateway.example", ""] {
            let refused = client(bad);
            assert!(matches!(refused, Err(CloudflareError::InvalidEndpoint { .. })), "{bad}");
        }
        let token = Credentials::Token(Secret::new("two\nlines"));
        let refused = Cloudflare::new(None, token, None);
        assert!(matches!(refused, Err(CloudflareError::InvalidCredentials { .. })));
    }

    #[test]
    fn paths_stay_below_the_base() {
        let url = |base: &str| {
            client(base).expect("a client").url(&["zones", "a/b"], &[("name", "x y")]).to_string()
        };
        let wanted = "https://h.example/v4/zones/a%2Fb?name=x+y";
        assert_eq!(url("https://h.example/v4"), wanted);
        assert_eq!(url("https://h.example/v4/"), wanted);
    }
}
