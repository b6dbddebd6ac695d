//! The exit codes of the search cluster's errors.

use crate::adapters::elasticsearch::ElasticsearchError;
use crate::failure::{CommandError, FailureKind};
use crate::search::SearchError;

impl From<ElasticsearchError> for CommandError {
    fn from(error: ElasticsearchError) -> Self {
        let (kind, hint) = match &error {
            ElasticsearchError::BadUrl { .. } => (
                FailureKind::Configuration,
                Some("set the config var to the cluster's URL: https://USER:PASSWORD@HOST"),
            ),
            ElasticsearchError::Unencrypted { .. } => (
                FailureKind::Configuration,
                Some("let the URL begin with https:// instead of http://"),
            ),
            ElasticsearchError::Unauthorized { .. } => (
                FailureKind::Configuration,
                Some("the add-on has other credentials now: heroku addons:open bonsai shows them"),
            ),
            ElasticsearchError::Forbidden { .. } => (
                FailureKind::Configuration,
                Some(
                    "see in the console whether the cluster is over its plan's limits: bcops search open ENV",
                ),
            ),
            ElasticsearchError::NotFound { .. } => (
                FailureKind::Configuration,
                Some(
                    "see in the console whether the cluster is still there: bcops search open ENV",
                ),
            ),
            ElasticsearchError::TooManyRequests { .. } => (
                FailureKind::Unexpected,
                Some("wait until the site asks the cluster for less, then try again"),
            ),
            ElasticsearchError::ClientSetup(_) => (FailureKind::Unexpected, None),
            ElasticsearchError::Server { .. }
            | ElasticsearchError::Network { .. }
            | ElasticsearchError::Timeout { .. }
            | ElasticsearchError::BadAnswer { .. } => (
                FailureKind::Unexpected,
                Some(
                    "see in the console whether the cluster is up, then try again: bcops search open ENV",
                ),
            ),
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}

impl From<SearchError> for CommandError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Elasticsearch(error) => error.into(),
            SearchError::Postgres(error) => error.into(),
            SearchError::Heroku(error) => error.into(),
            SearchError::CommandFailed { ref said, .. } => {
                let hints: Vec<String> =
                    said.iter().map(|line| format!("it said: {line}")).collect();
                hints
                    .into_iter()
                    .fold(CommandError::wrap(FailureKind::RemoteJob, error), CommandError::hint)
            }
            SearchError::Incomplete { .. } => CommandError::wrap(FailureKind::RemoteJob, error)
                .hint("look at what the command said above, then run it again"),
            SearchError::NothingToCompare => CommandError::wrap(FailureKind::Configuration, error)
                .hint("say in bcops.toml which rows each index holds: search.indices"),
            SearchError::Interrupted => CommandError::wrap(FailureKind::Interrupted, error),
        }
    }
}
