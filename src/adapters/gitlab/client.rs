//! One GET after the other, each with a time limit, repeated where that can help.

use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use super::Timing;
use super::answers::{ErrorAnswer, Pipeline, Project, User};
use super::error::GitlabError;
use super::protection::{ProtectedBranch, Rule};
use crate::adapters::transport::{self, BodyError, MAX_REDIRECTS};
use crate::secret::Secret;

/// A page of a hundred rules is the longest answer that is asked for.
const LONGEST_ANSWER: usize = 4 << 20;
const LONGEST_MESSAGE: usize = 300;
const MOST_PAGES: usize = 50;

/// A client for one project with one token.
#[derive(Debug, Clone)]
pub struct Gitlab {
    http: Client,
    base: Url,
    project: String,
    token: Secret,
    timing: Timing,
}

/// An answer with a status of success, read to its end.
struct Answer {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Gitlab {
    /// `project` is the path with its groups, or the number.
    ///
    /// # Errors
    /// Where the URL is none, or would carry the token unencrypted; where the project or the token
    /// cannot be one.
    pub fn new(
        url: &str,
        project: &str,
        token: Secret,
        limit: Option<Duration>,
    ) -> Result<Gitlab, GitlabError> {
        Gitlab::with_timing(url, project, token, Timing::default().limited(limit))
    }

    pub fn with_timing(
        url: &str,
        project: &str,
        token: Secret,
        timing: Timing,
    ) -> Result<Gitlab, GitlabError> {
        let invalid = |reason: &str| GitlabError::InvalidUrl { reason: reason.to_owned() };
        let base = Url::parse(url).map_err(|error| invalid(&error.to_string()))?;
        if base.cannot_be_a_base() || base.host().is_none() {
            return Err(invalid("it has no host"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(invalid("it holds a user's name or a password"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(invalid("it has a query or a fragment"));
        }
        if !transport::is_private(&base) {
            return Err(GitlabError::UnencryptedUrl);
        }
        let project = project.trim_matches('/');
        let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
        if !project.split('/').all(is_part) || project.contains(char::is_whitespace) {
            return Err(GitlabError::InvalidProject { given: project.to_owned() });
        }
        let http = transport::client(timing.connect, timing.request)
            .default_headers(headers(&token)?)
            .build()
            .map_err(GitlabError::ClientSetup)?;
        Ok(Gitlab { http, base, project: project.to_owned(), token, timing })
    }

    /// Where it asks, for messages.
    pub fn place(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    pub fn project_path(&self) -> &str {
        &self.project
    }

    /// Whom the token belongs to.
    pub async fn user(&self) -> Result<User, GitlabError> {
        self.get(&["user"], &[], "read whose the token is").await
    }

    pub async fn project(&self) -> Result<Project, GitlabError> {
        self.get(&["projects", &self.project], &[], &format!("read the project {}", self.project))
            .await
    }

    /// The newest pipeline of a branch; `None` where it never had one.
    ///
    /// # Errors
    /// [`GitlabError::BadAnswer`] also where the server answers with another branch's.
    pub async fn latest_pipeline(&self, branch: &str) -> Result<Option<Pipeline>, GitlabError> {
        let what = format!("read the last pipeline of {branch}");
        let path = ["projects", &self.project, "pipelines"];
        let query = [("ref", branch), ("per_page", "1"), ("order_by", "id"), ("sort", "desc")];
        let pipelines: Vec<Pipeline> = self.get(&path, &query, &what).await?;
        let Some(pipeline) = pipelines.into_iter().next() else { return Ok(None) };
        match pipeline.fault(branch) {
            Some(reason) => Err(self.bad_answer(&what, reason)),
            None => Ok(Some(pipeline)),
        }
    }

    /// How a branch is protected; `None` where it is not. All rules are read, as those with a `*` are
    /// not found under the branch's name.
    pub async fn protected_branch(
        &self,
        branch: &str,
    ) -> Result<Option<ProtectedBranch>, GitlabError> {
        let what = format!("read how the branch {branch} is protected");
        let path = ["projects", &self.project, "protected_branches"];
        let mut rules: Vec<Rule> = Vec::new();
        let mut page = "1".to_owned();
        for _ in 0..MOST_PAGES {
            let query = [("per_page", "100"), ("page", page.as_str())];
            let answer = self.repeated(&path, &query, &what).await?;
            let next = answer.headers.get("x-next-page").and_then(|page| page.to_str().ok());
            let next = next.map(str::trim).filter(|page| !page.is_empty()).map(str::to_owned);
            rules.append(&mut self.read(&answer.body, &what)?);
            match next {
                None => return Ok(ProtectedBranch::of(&rules, branch)),
                Some(next) => page = next,
            }
        }
        Err(self.bad_answer(&what, "the list never ends".to_owned()))
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        what: &str,
    ) -> Result<T, GitlabError> {
        let answer = self.repeated(path, query, what).await?;
        self.read(&answer.body, what)
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8], what: &str) -> Result<T, GitlabError> {
        serde_json::from_slice(body).map_err(|cause| self.bad_answer(what, cause.to_string()))
    }

    async fn repeated(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        what: &str,
    ) -> Result<Answer, GitlabError> {
        let url = self.url(path, query);
        self.timing.patience().repeat(|| self.once(&url, what)).await
    }

    /// One request and the redirects that it meets. GitLab sends them for a project that was moved;
    /// they are followed on this server only, as the token must not travel on.
    async fn once(&self, url: &Url, what: &str) -> Result<Answer, GitlabError> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let request = self.http.get(url.clone()).header(ACCEPT, "application/json");
            let response = request.send().await.map_err(|cause| self.network(what, cause))?;
            let status = response.status();
            if !status.is_redirection() {
                return self.finish(response, what).await;
            }
            let target = transport::redirect_target(&url, response.headers());
            url =
                target.filter(|target| target.origin() == self.base.origin()).ok_or_else(|| {
                    let (what, place) = (what.to_owned(), self.place());
                    GitlabError::Redirected { what, place, status: status.as_u16() }
                })?;
        }
        Err(self.bad_answer(what, "its redirects never end".to_owned()))
    }

    async fn finish(&self, mut response: Response, what: &str) -> Result<Answer, GitlabError> {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let body = transport::whole_body(response, LONGEST_ANSWER).await;
        let body = body.map_err(|error| match error {
            BodyError::Network(cause) => self.network(what, cause),
            BodyError::TooLong => self.bad_answer(what, "it is too long or never ends".to_owned()),
        })?;
        if !status.is_success() {
            return Err(self.refusal(what, status, transport::retry_after(&headers), &body));
        }
        Ok(Answer { headers, body })
    }

    fn refusal(
        &self,
        what: &str,
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> GitlabError {
        let (what, place) = (what.to_owned(), self.place());
        let said: Option<ErrorAnswer> = serde_json::from_slice(body).ok();
        let is_gitlab = said.is_some();
        let message = match said.unwrap_or_default().reason() {
            Some(reason) => self.redacted(&reason),
            // A proxy's page in HTML has no reason that could be read.
            None => status.canonical_reason().unwrap_or("no reason given").to_owned(),
        };
        match status.as_u16() {
            401 => GitlabError::Unauthorized { what, place, message },
            403 => GitlabError::Forbidden { what, place, message },
            404 if !is_gitlab => {
                let reason = "it does not know GitLab's API (HTTP 404)".to_owned();
                GitlabError::BadAnswer { what, place, reason }
            }
            404 => GitlabError::NotFound { what, place, message },
            429 => GitlabError::RateLimited { what, place, retry_after },
            status @ 500.. => GitlabError::Server { what, place, status, message },
            status => GitlabError::Refused { what, place, status, message },
        }
    }

    /// A server's words, for people: one line, without the token.
    fn redacted(&self, message: &str) -> String {
        let words: Vec<&str> = message.split_whitespace().collect();
        let text = words.join(" ").replace(self.token.expose(), "[secret]");
        text.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect()
    }

    fn network(&self, what: &str, cause: reqwest::Error) -> GitlabError {
        let (what, place) = (what.to_owned(), self.place());
        if cause.is_timeout() {
            let limit = if cause.is_connect() { self.timing.connect } else { self.timing.request };
            return GitlabError::Timeout { what, place, seconds: limit.as_secs() };
        }
        GitlabError::Network { what, place, cause: cause.without_url() }
    }

    fn bad_answer(&self, what: &str, reason: String) -> GitlabError {
        GitlabError::BadAnswer { what: what.to_owned(), place: self.place(), reason }
    }

    /// A project's path is one segment: its slashes are encoded.
    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        transport::below(&self.base, &[&["api", "v4"], path].concat(), query)
    }
}

fn headers(token: &Secret) -> Result<HeaderMap, GitlabError> {
    let mut value = HeaderValue::from_str(token.expose()).map_err(|_| GitlabError::InvalidToken)?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(reqwest::header::HeaderName::from_static("private-token"), value)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "https://git.example";

    fn client(url: &str, project: &str) -> Result<Gitlab, GitlabError> {
        Gitlab::new(url, project, Secret::new("t"), None)
    }

    #[test]
    fn the_token_travels_encrypted_or_not_at_all() {
        assert!(client("https://git.example/below/", "g/p").is_ok());
        assert!(client("http://127.0.0.1:1", "g/p").is_ok());
        let open = client("http://git.example", "g/p");
        assert!(matches!(open, Err(GitlabError::UnencryptedUrl)));
        for bad in ["git.example", "mailto:x", "https://u:p@git.example", "https://h/?a=b", ""] {
            let refused = client(bad, "g/p");
            assert!(matches!(refused, Err(GitlabError::InvalidUrl { .. })), "{bad}");
        }
        let token = Secret::new("two\nlines");
        let refused = Gitlab::new(SERVER, "g/p", token, None);
        assert!(matches!(refused, Err(GitlabError::InvalidToken)));
    }

    #[test]
    fn a_project_is_one_segment() {
        let url = |base: &str, project: &str| {
            let client = client(base, project).expect("a client");
            client.url(&["projects", client.project_path()], &[("ref", "a&b")]).to_string()
        };
        let wanted = "https://h.example/api/v4/projects/g%2Fsub%2Fp?ref=a%26b";
        assert_eq!(url("https://h.example", "g/sub/p"), wanted);
        assert_eq!(url("https://h.example/", "/g/sub/p/"), wanted);
        let wanted = "https://h.example/below/api/v4/projects/12?ref=a%26b";
        assert_eq!(url("https://h.example/below", "12"), wanted);
        for bad in ["", "/", "a//b", "a/..", "./a", "a b"] {
            let refused = client(SERVER, bad);
            assert!(matches!(refused, Err(GitlabError::InvalidProject { .. })), "{bad}");
        }
    }

    #[test]
    fn what_the_server_says_is_one_line_without_the_token() {
        let client = Gitlab::new(SERVER, "g/p", Secret::new("glpat-x"), None).expect("a client");
        assert_eq!(client.redacted("bad\n\u{7}token 'glpat-x'"), "bad token '[secret]'");
    }
}
