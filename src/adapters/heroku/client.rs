//! The HTTP side of both APIs: headers, limits, retries, errors, pages.
//!
//! Only GET, and a PATCH that sets a state, is repeated whatever the reason: neither API knows
//! idempotency keys, so that a repeated POST may start a second backup. A request over the limit (429) was not looked at, and is sent
//! again whatever its method. Platform lists come in pages: status 206 with a `Next-Range` header, whose value
//! is sent back as `Range` until an answer has none.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RANGE,
};
use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::attachments::Named;
use super::endpoints::Endpoints;
use super::error::{HerokuError, redacted};
use super::request::{Api, Request};
use super::timing::Timing;
use crate::adapters::backoff::Patience;
use crate::adapters::transport::{self, BodyError, MAX_REDIRECTS};
use crate::secret::Secret;

/// No answer that bcops asks for comes near it.
const LONGEST_ANSWER: usize = 64 << 20;
const MOST_PAGES: usize = 1000;

/// A client of both APIs for one account.
#[derive(Debug, Clone)]
pub struct Heroku {
    http: Client,
    endpoints: Endpoints,
    token: Secret,
    pub(super) timing: Timing,
    /// Whom the rendezvous has to be certified by; without it, whom this machine trusts.
    pub(super) authority: Option<Arc<[u8]>>,
}

/// The account that the token belongs to.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    pub id: String,
    pub email: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct App {
    pub id: String,
    pub name: String,
    pub maintenance: bool,
    #[serde(default)]
    pub web_url: Option<String>,
    /// Its repository at Heroku.
    #[serde(default)]
    pub git_url: Option<String>,
    #[serde(default)]
    pub stack: Option<Named>,
}

/// An answer with a status of success, read to its end.
struct Answer {
    headers: HeaderMap,
    body: Vec<u8>,
}

/// The body of an error, as both APIs send it.
#[derive(Deserialize, Default)]
struct ErrorBody {
    id: Option<String>,
    message: Option<String>,
}

impl Heroku {
    pub fn new(endpoints: Endpoints, token: Secret) -> Result<Self, HerokuError> {
        Heroku::with_timing(endpoints, token, Timing::default())
    }

    /// How long the download of a backup may bring nothing.
    pub fn stall(&self) -> Duration {
        self.timing.stall
    }

    pub fn with_timing(
        endpoints: Endpoints,
        token: Secret,
        timing: Timing,
    ) -> Result<Self, HerokuError> {
        let http = transport::client(timing.connect, timing.request)
            .build()
            .map_err(HerokuError::ClientSetup)?;
        Ok(Heroku { http, endpoints, token, timing, authority: None })
    }

    /// Trusts, at the rendezvous of one-off dynos, the certificates in this PEM text and no others.
    pub fn with_rendezvous_authority(self, pem: &[u8]) -> Self {
        Heroku { authority: Some(pem.into()), ..self }
    }

    pub async fn account(&self) -> Result<Account, HerokuError> {
        self.get(&Request::new(Api::Platform, &["account"], "the account")).await
    }

    pub async fn app(&self, app: &str) -> Result<App, HerokuError> {
        self.get(&Request::new(Api::Platform, &["apps", app], format!("the app {app}"))).await
    }

    /// For URLs that are secrets by themselves and get no token.
    pub(super) fn http(&self) -> &Client {
        &self.http
    }

    /// GET, repeated where that can help.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
    ) -> Result<T, HerokuError> {
        parse(self.get_answer(request, None).await?, request)
    }

    /// GET of a list of the platform API, all its pages together.
    pub(super) async fn get_list<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
    ) -> Result<Vec<T>, HerokuError> {
        let mut list = Vec::new();
        let mut range = None;
        for _ in 0..MOST_PAGES {
            let answer = self.get_answer(request, range).await?;
            range = answer.headers.get("next-range").cloned();
            list.append(&mut parse(answer, request)?);
            if range.is_none() {
                return Ok(list);
            }
        }
        Err(HerokuError::Endless { what: request.what.clone() })
    }

    /// The first page of a list in the order that `range` asks for, and no more of it.
    pub(super) async fn get_page<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
        range: &'static str,
    ) -> Result<Vec<T>, HerokuError> {
        parse(self.get_answer(request, Some(HeaderValue::from_static(range))).await?, request)
    }

    /// POST, taken at most once. Without a body it has no content type, like the CLI's own.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
        body: Option<&serde_json::Value>,
    ) -> Result<T, HerokuError> {
        self.send(Method::POST, request, body).await
    }

    /// Any method that may change something, taken at most once.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        request: &Request<'_>,
        body: Option<&serde_json::Value>,
    ) -> Result<T, HerokuError> {
        let over_limit = |error: &HerokuError| matches!(error, HerokuError::RateLimited { .. });
        parse(self.repeated(&method, request, body, None, over_limit).await?, request)
    }

    /// The same for what may be asked for twice without harm: sent again after an error of the moment.
    pub(super) async fn send_again<T: DeserializeOwned>(
        &self,
        method: Method,
        request: &Request<'_>,
        body: Option<&serde_json::Value>,
    ) -> Result<T, HerokuError> {
        let sent = self.repeated(&method, request, body, None, HerokuError::is_transient).await;
        parse(sent?, request)
    }

    async fn get_answer(
        &self,
        request: &Request<'_>,
        range: Option<HeaderValue>,
    ) -> Result<Answer, HerokuError> {
        self.repeated(&Method::GET, request, None, range, HerokuError::is_transient).await
    }

    /// Sends a request until it is answered, as long as `may_repeat` says of the failure that this
    /// does no harm.
    async fn repeated(
        &self,
        method: &Method,
        request: &Request<'_>,
        body: Option<&serde_json::Value>,
        range: Option<HeaderValue>,
        may_repeat: impl Fn(&HerokuError) -> bool,
    ) -> Result<Answer, HerokuError> {
        let url = self.url(request)?;
        let Timing { tries, try_for, backoff, .. } = self.timing;
        let patience = Patience { tries, try_for, backoff };
        patience
            .repeat_if(may_repeat, || self.once(method, &url, request, body, range.as_ref()))
            .await
    }

    /// One request and, for a GET, the redirects that it meets. Another origin gets no token.
    async fn once(
        &self,
        method: &Method,
        url: &Url,
        request: &Request<'_>,
        body: Option<&serde_json::Value>,
        range: Option<&HeaderValue>,
    ) -> Result<Answer, HerokuError> {
        let mut target = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut builder = self
                .http
                .request(method.clone(), target.clone())
                .headers(self.headers(request, target.origin() == url.origin())?);
            if let Some(range) = range {
                builder = builder.header(RANGE, range);
            }
            builder = match body {
                Some(body) => builder.json(body),
                None if *method != Method::GET => builder.header("content-length", 0),
                None => builder,
            };
            let response = builder.send().await.map_err(|cause| network(request, cause))?;
            if !response.status().is_redirection() {
                return self.read(response, request).await;
            }
            target = match transport::redirect_target(&target, response.headers()) {
                Some(next) if *method == Method::GET => next,
                _ => break,
            };
        }
        Err(HerokuError::Redirected { what: request.what.clone() })
    }

    fn url(&self, request: &Request<'_>) -> Result<Url, HerokuError> {
        let base = match request.api {
            Api::Platform => self.endpoints.platform(),
            Api::Data => self.endpoints.data(),
        };
        // A URL leaves out these segments, which would make it another request.
        if let Some(name) = request.path.iter().find(|s| matches!(**s, "" | "." | "..")) {
            return Err(HerokuError::InvalidName { name: (*name).to_owned() });
        }
        let mut url = transport::below(base, request.path, &[]);
        if request.verbose {
            url.set_query(Some("verbose=true"));
        }
        Ok(url)
    }

    fn headers(&self, request: &Request<'_>, with_token: bool) -> Result<HeaderMap, HerokuError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(request.accept));
        for (name, value) in request.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if with_token {
            let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.token.expose()))
                .map_err(|_| HerokuError::InvalidToken { origin: "its source".to_owned() })?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        Ok(headers)
    }

    async fn read(&self, response: Response, request: &Request<'_>) -> Result<Answer, HerokuError> {
        let status = response.status();
        let headers = response.headers().clone();
        let body = transport::whole_body(response, LONGEST_ANSWER).await;
        let body = body.map_err(|error| match error {
            BodyError::Network(cause) => network(request, cause),
            BodyError::TooLong => HerokuError::Endless { what: request.what.clone() },
        })?;
        if !status.is_success() {
            return Err(self.refusal(status, &headers, &body, request));
        }
        if !is_json(&headers) {
            return Err(HerokuError::NotJson { what: request.what.clone() });
        }
        Ok(Answer { headers, body })
    }

    fn refusal(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        request: &Request<'_>,
    ) -> HerokuError {
        let what = request.what.clone();
        // A proxy's page in HTML has neither an id nor a message, which is no reason to fail here.
        let ErrorBody { id, message } = serde_json::from_slice(body).unwrap_or_default();
        let message = match message {
            Some(message) => redacted(&message, self.token.expose()),
            None => status.canonical_reason().unwrap_or("no reason given").to_owned(),
        };
        let id = id.map(|id| redacted(&id, self.token.expose()));
        match (status.as_u16(), id.as_deref()) {
            (401, _) => HerokuError::Unauthorized { what },
            (403, Some("two_factor")) => HerokuError::TwoFactor { what },
            (403, _) => HerokuError::Forbidden { what, message },
            (404 | 410, _) => HerokuError::NotFound { what },
            (409, _) => HerokuError::Conflict { what, message },
            (429, _) => {
                HerokuError::RateLimited { what, retry_after: transport::retry_after(headers) }
            }
            (status, _) => HerokuError::Api { what, status, id, message },
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    media_type.trim() == "application/json" || media_type.trim().ends_with("+json")
}

fn parse<T: DeserializeOwned>(answer: Answer, request: &Request<'_>) -> Result<T, HerokuError> {
    serde_json::from_slice(&answer.body)
        .map_err(|cause| HerokuError::UnexpectedJson { what: request.what.clone(), cause })
}

fn network(request: &Request<'_>, cause: reqwest::Error) -> HerokuError {
    HerokuError::Network { what: request.what.clone(), cause: cause.without_url() }
}
