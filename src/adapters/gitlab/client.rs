//! Reads a project at GitLab, as far as the token allows.

use std::time::Duration;

use reqwest::header::HeaderName;
use url::Url;

use super::answers::{Pipeline, Project, User};
use super::protection::{ProtectedBranch, Rule};
use super::service::GITLAB;
use crate::adapters::json_api::{
    ApiError, ErrorKind, JsonApi, Login, Reason, Request, Timing, base, place,
};
use crate::secret::Secret;

/// A client for one project with one token.
#[derive(Debug, Clone)]
pub struct Gitlab {
    api: JsonApi,
    /// The URL with the version of the API.
    base: Url,
    project: String,
}

impl Gitlab {
    /// `project` is the path with its groups, or the number.
    ///
    /// # Errors
    /// If the URL is not valid or not encrypted, or if the project or the token is not valid.
    pub fn new(
        url: &str,
        project: &str,
        token: Secret,
        limit: Option<Duration>,
    ) -> Result<Gitlab, ApiError> {
        Gitlab::with_timing(url, project, token, Timing::default().limited(limit))
    }

    pub fn with_timing(
        url: &str,
        project: &str,
        token: Secret,
        timing: Timing,
    ) -> Result<Gitlab, ApiError> {
        let mut base = base(&GITLAB, "gitlab.url", url)?;
        if let Ok(mut segments) = base.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v4"]);
        }
        let project = project.trim_matches('/');
        let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
        if !project.split('/').all(is_part) || project.contains(char::is_whitespace) {
            let message =
                format!("`{project}` is not a project; write its path, for example group/site");
            let reason = Reason::new(ErrorKind::Unusable, message);
            return Err(ApiError::before_any(&GITLAB, "gitlab.project", reason));
        }
        let header = HeaderName::from_static("private-token");
        let login = Login::none().with(&GITLAB, header, &token, "GITLAB_TOKEN")?;
        let api = JsonApi::new(&GITLAB, login.and_hides([token]), timing)?;
        Ok(Gitlab { api, base, project: project.to_owned() })
    }

    /// Host and port of GitLab, for messages.
    pub fn place(&self) -> String {
        place(&self.base)
    }

    pub fn project_path(&self) -> &str {
        &self.project
    }

    /// The owner of the token.
    pub async fn user(&self) -> Result<User, ApiError> {
        let request = Request::new(&self.base, &["user"], "read the token's user");
        self.api.json(request.private()).await
    }

    pub async fn project(&self) -> Result<Project, ApiError> {
        let what = format!("read the project {}", self.project);
        self.api.json(Request::new(&self.base, &["projects", &self.project], what)).await
    }

    /// The newest pipeline of a branch. `None` if the branch never had one.
    ///
    /// # Errors
    /// [`ErrorKind::BadAnswer`] also if the server answers with the pipeline of another branch.
    pub async fn latest_pipeline(&self, branch: &str) -> Result<Option<Pipeline>, ApiError> {
        let path = ["projects", &self.project, "pipelines"];
        let query = [("ref", branch), ("per_page", "1"), ("order_by", "id"), ("sort", "desc")];
        let what = format!("read the last pipeline of {branch}");
        let request = Request::new(&self.base, &path, what).query(&query);
        let pipelines: Vec<Pipeline> = self.api.json(request.clone()).await?;
        let Some(pipeline) = pipelines.into_iter().next() else { return Ok(None) };
        match pipeline.fault(branch) {
            Some(reason) => Err(self.api.means(&request, Reason::bad_answer(reason))),
            None => Ok(Some(pipeline)),
        }
    }

    /// The protection of a branch. `None` if it is not protected. Reads all rules, because rules
    /// with a `*` are not found under the branch's name.
    pub async fn protected_branch(
        &self,
        branch: &str,
    ) -> Result<Option<ProtectedBranch>, ApiError> {
        let path = ["projects", &self.project, "protected_branches"];
        let what = format!("read how the branch {branch} is protected");
        let request = Request::new(&self.base, &path, what).query(&[("per_page", "100")]);
        let rules: Vec<Rule> = self.api.list(request).await?;
        Ok(ProtectedBranch::of(&rules, branch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "https://git.example";

    fn client(url: &str, project: &str) -> Result<Gitlab, ApiError> {
        Gitlab::new(url, project, Secret::new("t"), None)
    }

    fn kind(refused: Result<Gitlab, ApiError>) -> ErrorKind {
        refused.expect_err("refused").kind()
    }

    #[test]
    fn the_token_is_sent_encrypted_only() {
        assert!(client("https://git.example/below/", "g/p").is_ok());
        assert!(client("http://127.0.0.1:1", "g/p").is_ok());
        let open = client("http://git.example", "g/p");
        assert_eq!(kind(open), ErrorKind::Unencrypted);
        for bad in ["git.example", "mailto:x", "https://u:p@git.example", "https://h/?a=b", ""] {
            let refused = client(bad, "g/p");
            assert_eq!(kind(refused), ErrorKind::Unusable, "{bad}");
        }
        let token = Secret::new("two\nlines");
        let refused = Gitlab::new(SERVER, "g/p", token, None);
        assert_eq!(kind(refused), ErrorKind::Credentials);
    }

    #[test]
    fn a_project_is_one_segment() {
        let url = |base: &str, project: &str| {
            let client = client(base, project).expect("a client");
            let path = ["projects", client.project_path()];
            crate::adapters::transport::below(&client.base, &path, &[("ref", "a&b")]).to_string()
        };
        let wanted = "https://h.example/api/v4/projects/g%2Fsub%2Fp?ref=a%26b";
        assert_eq!(url("https://h.example", "g/sub/p"), wanted);
        assert_eq!(url("https://h.example/", "/g/sub/p/"), wanted);
        let wanted = "https://h.example/below/api/v4/projects/12?ref=a%26b";
        assert_eq!(url("https://h.example/below", "12"), wanted);
        for bad in ["", "/", "a//b", "a/..", "./a", "a b"] {
            let refused = client(SERVER, bad);
            assert_eq!(kind(refused), ErrorKind::Unusable, "{bad}");
        }
    }
}
