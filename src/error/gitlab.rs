//! The exit codes of what can go wrong with GitLab, and what mends it.

use super::{CommandError, Kind, with_hint, wrap};
use crate::adapters::gitlab::GitlabError;

impl From<GitlabError> for CommandError {
    fn from(error: GitlabError) -> Self {
        let (kind, hint) = match &error {
            GitlabError::InvalidUrl { .. }
            | GitlabError::UnencryptedUrl
            | GitlabError::BadAnswer { .. } => {
                (Kind::Configuration, Some("set gitlab.url in bcops.toml, or GITLAB_URL"))
            }
            GitlabError::InvalidProject { .. } => {
                (Kind::Configuration, Some("set gitlab.project in bcops.toml"))
            }
            GitlabError::InvalidToken | GitlabError::Unauthorized { .. } => (
                Kind::Configuration,
                Some("make a new access token in GitLab, and set GITLAB_TOKEN to it"),
            ),
            GitlabError::Forbidden { .. } => (
                Kind::Configuration,
                Some("make an access token that may read_api, and set GITLAB_TOKEN to it"),
            ),
            GitlabError::NotFound { .. } => (
                Kind::Configuration,
                Some("ask to be added to the project, or set gitlab.project in bcops.toml"),
            ),
            GitlabError::Redirected { .. } => (
                Kind::Configuration,
                Some("set gitlab.url in bcops.toml, or GITLAB_URL, to the server's own address"),
            ),
            GitlabError::RateLimited { .. } => {
                (Kind::Unexpected, Some("wait a few minutes, then try again"))
            }
            GitlabError::Server { .. }
            | GitlabError::Network { .. }
            | GitlabError::Timeout { .. } => (
                Kind::Unexpected,
                Some("see whether the server is up and can be reached from here, then try again"),
            ),
            GitlabError::ClientSetup(_) | GitlabError::Refused { .. } => (Kind::Unexpected, None),
        };
        with_hint(wrap(kind, error), hint)
    }
}
