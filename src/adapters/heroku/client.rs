//! Sends requests to both APIs of Heroku.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::attachments::Named;
use super::endpoints::Endpoints;
use super::error::HerokuError;
use super::service::HEROKU;
use super::timing::Timing;
use crate::adapters::json_api::{JsonApi, Login, Request};
use crate::secret::Secret;

const VERSION_3: &str = "application/vnd.heroku+json; version=3";
/// The version that the CLI requests for inclusions and expansions.
const VERSION_3_SDK: &str = "application/vnd.heroku+json; version=3.sdk";

/// A client of both APIs for one account.
#[derive(Debug, Clone)]
pub struct Heroku {
    pub(super) api: JsonApi,
    endpoints: Endpoints,
    pub(super) timing: Timing,
    /// The authority that must certify the rendezvous. `None` means the authorities that this
    /// machine trusts.
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
    /// Its git repository at Heroku.
    #[serde(default)]
    pub git_url: Option<String>,
    #[serde(default)]
    pub stack: Option<Named>,
}

impl Heroku {
    pub fn new(endpoints: Endpoints, token: Secret) -> Result<Self, HerokuError> {
        Heroku::with_timing(endpoints, token, Timing::default())
    }

    /// How long the download of a backup may stall.
    pub fn stall(&self) -> Duration {
        self.timing.stall
    }

    pub fn with_timing(
        endpoints: Endpoints,
        token: Secret,
        timing: Timing,
    ) -> Result<Self, HerokuError> {
        let bearer = Secret::hidden(format!("Bearer {}", token.expose()));
        let login = Login::none().with(&HEROKU, AUTHORIZATION, &bearer, "its source")?;
        let api = JsonApi::new(&HEROKU, login.and_hides([token]), timing.api())?;
        Ok(Heroku { api, endpoints, timing, authority: None })
    }

    /// Trusts only the certificates in this PEM text at the rendezvous of one-off dynos.
    pub fn with_rendezvous_authority(self, pem: &[u8]) -> Self {
        Heroku { authority: Some(pem.into()), ..self }
    }

    pub async fn account(&self) -> Result<Account, HerokuError> {
        self.get(self.platform(&["account"], "the account").private()).await
    }

    pub async fn app(&self, app: &str) -> Result<App, HerokuError> {
        self.get(self.platform(&["apps", app], format!("the app {app}"))).await
    }

    /// A request to the platform API.
    pub(super) fn platform<'a>(
        &'a self,
        path: &'a [&'a str],
        what: impl Into<String>,
    ) -> Request<'a> {
        Request::new(self.endpoints.platform(), path, what).header("accept", VERSION_3)
    }

    /// The same in the version of the API that newer parts of the CLI use.
    pub(super) fn platform_sdk<'a>(
        &'a self,
        path: &'a [&'a str],
        what: impl Into<String>,
    ) -> Request<'a> {
        self.platform(path, what).header("accept", VERSION_3_SDK)
    }

    /// A request to the data API of Heroku Postgres.
    pub(super) fn data<'a>(&'a self, path: &'a [&'a str], what: impl Into<String>) -> Request<'a> {
        Request::new(self.endpoints.data(), path, what).header("accept", VERSION_3)
    }

    /// Sends a GET, and repeats the request where that can help.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        request: Request<'_>,
    ) -> Result<T, HerokuError> {
        Ok(self.api.json(request).await?)
    }

    /// Gets all pages of a list of the platform API. Status 206 has a `Next-Range` header, whose
    /// value is sent as the next `Range` until an answer has none.
    pub(super) async fn get_list<T: DeserializeOwned>(
        &self,
        request: Request<'_>,
    ) -> Result<Vec<T>, HerokuError> {
        Ok(self.api.list(request).await?)
    }

    /// Gets only the first page of a list, in the order that `range` asks for.
    pub(super) async fn get_page<T: DeserializeOwned>(
        &self,
        request: Request<'_>,
        range: &'static str,
    ) -> Result<Vec<T>, HerokuError> {
        self.get(request.header("range", range)).await
    }

    /// Sends a POST, at most once. Without a body there is no content type, like the CLI's
    /// requests.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        request: Request<'_>,
        body: Option<&Value>,
    ) -> Result<T, HerokuError> {
        self.get(request.method(Method::POST).body(body)).await
    }
}
