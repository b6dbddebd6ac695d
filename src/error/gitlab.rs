//! The exit codes of what can go wrong with GitLab, and what mends it.

use crate::adapters::gitlab::GitlabError;
use crate::failure::{CommandError, FailureKind};

impl From<GitlabError> for CommandError {
    fn from(error: GitlabError) -> Self {
        let (kind, hint) = match &error {
            GitlabError::InvalidUrl { .. }
            | GitlabError::UnencryptedUrl
            | GitlabError::BadAnswer { .. } => {
                (FailureKind::Configuration, Some("set gitlab.url in bcops.toml, or GITLAB_URL"))
            }
            GitlabError::InvalidProject { .. } => {
                (FailureKind::Configuration, Some("set gitlab.project in bcops.toml"))
            }
            GitlabError::InvalidToken | GitlabError::Unauthorized { .. } => (
                FailureKind::Configuration,
                Some("make a new access token in GitLab, and set GITLAB_TOKEN to it"),
            ),
            GitlabError::Forbidden { .. } => (
                FailureKind::Configuration,
                Some("make an access token that may read_api, and set GITLAB_TOKEN to it"),
            ),
            GitlabError::NotFound { .. } => (
                FailureKind::Configuration,
                Some("ask to be added to the project, or set gitlab.project in bcops.toml"),
            ),
            GitlabError::Redirected { .. } => (
                FailureKind::Configuration,
                Some("set gitlab.url in bcops.toml, or GITLAB_URL, to the server's own address"),
            ),
            GitlabError::RateLimited { .. } => {
                (FailureKind::Unexpected, Some("wait a few minutes, then try again"))
            }
            GitlabError::Server { .. }
            | GitlabError::Network { .. }
            | GitlabError::Timeout { .. } => (
                FailureKind::Unexpected,
                Some("see whether the server is up and can be reached from here, then try again"),
            ),
            GitlabError::ClientSetup(_) | GitlabError::Refused { .. } => {
                (FailureKind::Unexpected, None)
            }
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}
