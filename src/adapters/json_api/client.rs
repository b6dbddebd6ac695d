//! Sends requests with a time limit, and repeats them where that can help and is harmless.

use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use super::answer::ApiAnswer;
use super::error::{ApiError, ErrorKind, Reason};
use super::login::Login;
use super::place::place;
use super::request::Request;
use super::service::{AskedBy, Redirects, Service};
use super::timing::Timing;
use super::trace::Exchange;
use crate::adapters::transport::{self, BodyError, MAX_REDIRECTS};

/// More pages than any list has.
const MOST_PAGES: usize = 200;

/// A client of one service with one login.
#[derive(Debug, Clone)]
pub struct JsonApi {
    service: &'static Service,
    http: Client,
    login: Login,
    timing: Timing,
}

impl JsonApi {
    /// # Errors
    /// If this machine cannot make encrypted connections.
    pub fn new(
        service: &'static Service,
        login: Login,
        timing: Timing,
    ) -> Result<JsonApi, ApiError> {
        let http = transport::client(timing.connect, timing.request).build();
        let http = http.map_err(|cause| {
            let reason = Reason::new(ErrorKind::ClientSetup, "");
            ApiError::before_any(service, "", Reason { cause: Some(cause), ..reason })
        })?;
        Ok(JsonApi { service, http, login, timing })
    }

    /// The answer to a request, as the expected type.
    pub async fn json<T: DeserializeOwned>(&self, request: Request<'_>) -> Result<T, ApiError> {
        let answer = self.send(&request).await?;
        self.read(&request, &answer)
    }

    /// A list with all its pages.
    pub async fn list<T: DeserializeOwned>(
        &self,
        mut request: Request<'_>,
    ) -> Result<Vec<T>, ApiError> {
        let first_query = request.query.len();
        let mut list = Vec::new();
        for _ in 0..MOST_PAGES {
            let answer = self.send(&request).await?;
            list.append(&mut self.read(&request, &answer)?);
            let next = self.service.pages.as_ref().and_then(|pages| {
                let next = answer.headers.get(pages.told_in).filter(|next| !next.is_empty())?;
                Some((&pages.asked_by, next.clone()))
            });
            match next {
                None => return Ok(list),
                Some((AskedBy::Header(name), next)) => {
                    request.headers.insert(name.clone(), next);
                }
                Some((AskedBy::Query(name), next)) => {
                    request.query.truncate(first_query);
                    let next = next.to_str().unwrap_or_default().trim().to_owned();
                    request.query.push((name, next));
                }
            }
        }
        Err(self.means(&request, Reason::bad_answer("the list never ends")))
    }

    /// Sends a request and reads the whole answer, which must be a success.
    pub async fn send(&self, request: &Request<'_>) -> Result<ApiAnswer, ApiError> {
        let url = self.url(request)?;
        let may_repeat = |error: &ApiError| request.may_repeat(self.service, error);
        self.timing.repeat(may_repeat, |attempt| self.once(request, &url, attempt)).await
    }

    /// # Errors
    /// `ErrorKind::BadAnswer` if the body has another form.
    pub fn read<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
        answer: &ApiAnswer,
    ) -> Result<T, ApiError> {
        serde_json::from_slice(&answer.body).map_err(|cause| {
            // The parser quotes the text that it cannot read.
            let message = match request.is_private {
                true => answer.look().to_owned(),
                false => format!("{cause}; {}", answer.look()),
            };
            let reason = Reason { status: Some(answer.status), ..Reason::bad_answer(message) };
            self.means(request, reason)
        })
    }

    /// Sends a request to a signed URL, which is a secret itself: without login, and with the
    /// caller's time limit. The answer may have any status.
    pub async fn to_signed_url(
        &self,
        method: Method,
        url: &Url,
        what: &str,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, ApiError> {
        let exchange = Exchange::of_signed_url(self.service.name, &method, url);
        let sent = complete(self.http.request(method, url.clone())).send().await;
        exchange.answered(sent.as_ref().ok().map(Response::status));
        sent.map_err(|cause| self.error(what, url, self.unanswered(cause)))
    }

    /// The error for an answer of a signed URL whose status is not a success.
    pub fn status_of_signed_url(&self, what: &str, url: &Url, status: StatusCode) -> ApiError {
        let reason =
            Reason { status: Some(status), ..Reason::new(ErrorKind::of(status), words(status)) };
        self.error(what, url, reason)
    }

    /// The error for a successful answer that does not fit the request.
    pub fn means(&self, request: &Request<'_>, reason: Reason) -> ApiError {
        self.error(&request.what, request.base, reason)
    }

    /// Sends one request and follows its redirects.
    async fn once(
        &self,
        request: &Request<'_>,
        url: &Url,
        attempt: u32,
    ) -> Result<ApiAnswer, ApiError> {
        let mut target = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.exchange(request, url, &target, attempt).await?;
            let follows = self.service.redirects != Redirects::Never;
            if !answer.status.is_redirection() || !follows {
                return self.judge(request, answer);
            }
            let next = transport::redirect_target(&target, &answer.headers);
            let next = next.filter(|next| {
                request.method == Method::GET
                    && (self.service.redirects == Redirects::WithoutToken
                        || next.origin() == url.origin())
            });
            target = next.ok_or_else(|| {
                let reason = Reason::new(ErrorKind::Redirected, "");
                self.means(request, Reason { status: Some(answer.status), ..reason })
            })?;
        }
        Err(self.means(request, Reason::bad_answer("its redirects never end")))
    }

    async fn exchange(
        &self,
        request: &Request<'_>,
        first: &Url,
        target: &Url,
        attempt: u32,
    ) -> Result<ApiAnswer, ApiError> {
        let is_first_server = target.origin() == first.origin();
        let exchange = match is_first_server {
            true => Exchange::begin(self.service.name, &request.method, target, attempt),
            // A redirect may lead to a URL that is a secret.
            false => Exchange::of_signed_url(self.service.name, &request.method, target),
        };
        exchange.sends(&request.headers, request.body, request.is_private);
        let built = self.built(request, target, is_first_server);
        let answer = match built.send().await {
            Ok(response) => self.whole(response).await,
            Err(cause) => Err(self.unanswered(cause)),
        };
        exchange.ends(answer.as_ref().ok(), request.is_private);
        answer.map_err(|reason| self.means(request, reason))
    }

    fn built(&self, request: &Request<'_>, target: &Url, with_login: bool) -> RequestBuilder {
        let login = if with_login { self.login.headers().clone() } else { HeaderMap::new() };
        let built = self.http.request(request.method.clone(), target.clone());
        let built = built.headers(request.headers.clone()).headers(login);
        match request.body {
            Some(body) => built.json(body),
            None if request.method == Method::GET => built,
            None => built.header(CONTENT_LENGTH, HeaderValue::from_static("0")),
        }
    }

    async fn whole(&self, mut response: Response) -> Result<ApiAnswer, Reason> {
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        match transport::whole_body(response, self.service.longest_answer).await {
            Ok(body) => Ok(ApiAnswer { status, headers, body }),
            Err(BodyError::Network(cause)) => Err(self.unanswered(cause)),
            Err(BodyError::TooLong) => {
                let reason = Reason::bad_answer("it is too long or never ends");
                Err(Reason { status: Some(status), ..reason })
            }
        }
    }

    fn judge(&self, request: &Request<'_>, answer: ApiAnswer) -> Result<ApiAnswer, ApiError> {
        match (self.service.judge)(&answer) {
            Ok(()) => Ok(answer),
            Err(reason) => {
                let retry_after = transport::retry_after(&answer.headers);
                let mut reason = Reason { status: Some(answer.status), retry_after, ..reason };
                if reason.message.is_empty() {
                    // A proxy's HTML page has no readable message.
                    reason.message = words(answer.status).to_owned();
                }
                Err(self.means(request, reason))
            }
        }
    }

    fn url(&self, request: &Request<'_>) -> Result<Url, ApiError> {
        // URLs drop these segments, which would change the request.
        if let Some(name) = request.path.iter().find(|name| matches!(**name, "" | "." | "..")) {
            let reason = Reason::new(ErrorKind::Unusable, "a request cannot hold this name");
            return Err(ApiError::before_any(self.service, &format!("`{name}`"), reason));
        }
        let query: Vec<(&str, &str)> =
            request.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Ok(transport::below(request.base, request.path, &query))
    }

    fn unanswered(&self, cause: reqwest::Error) -> Reason {
        let cause = cause.without_url();
        match cause.is_timeout() && !cause.is_connect() {
            true => Reason::new(ErrorKind::Timeout, self.timing.request.as_secs().to_string()),
            false => Reason { cause: Some(cause), ..Reason::new(ErrorKind::NoAnswer, "") },
        }
    }

    fn error(&self, what: &str, base: &Url, mut reason: Reason) -> ApiError {
        reason.message = self.login.plain(&reason.message);
        reason.id = reason.id.map(|id| self.login.plain(&id));
        let (what, place, reason) = (what.to_owned(), place(base), Box::new(reason));
        ApiError { service: self.service, what, place, reason }
    }
}

fn words(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("no reason given")
}
