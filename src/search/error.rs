//! Lists the errors around the site's search, with the hint for each.

use thiserror::Error;

use super::Difference;
use crate::adapters::heroku::HerokuError;
use crate::adapters::json_api::{ApiError, ErrorKind};
use crate::adapters::postgres::PostgresError;
use crate::failure::{CommandError, FailureKind, Hint};

#[derive(Debug, Error)]
pub enum SearchError {
    #[error(transparent)]
    Cluster(#[from] ApiError),
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error(transparent)]
    Heroku(#[from] HerokuError),
    #[error("`{command}` ended with exit status {status} on {dyno} of {app}")]
    CommandFailed {
        command: String,
        status: u8,
        dyno: String,
        app: String,
        /// The last lines of its output, without credentials.
        output: Vec<String>,
    },
    /// The command succeeded, but the indices are not complete.
    #[error(
        "`{command}` succeeded, but the search index is not complete: {}",
        in_words(.differences)
    )]
    Incomplete { command: String, differences: Vec<Difference> },
    #[error("cannot check the search index: the database has none of the site's tables")]
    NothingToCompare,
    #[error("interrupted before the search index was checked")]
    Interrupted,
}

/// Whether every request to the cluster would fail in the same way.
pub(super) fn is_of_the_whole_cluster(error: &ApiError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unusable
            | ErrorKind::Unencrypted
            | ErrorKind::Credentials
            | ErrorKind::ClientSetup
            | ErrorKind::Unauthorized
            | ErrorKind::NoAnswer
    )
}

/// Whether the cause may be one slow or busy index, or the whole cluster. Only the answers for
/// other indices show which.
pub(super) fn may_be_of_the_whole_cluster(error: &ApiError) -> bool {
    matches!(error.kind(), ErrorKind::Timeout | ErrorKind::OverLimit)
}

fn in_words(differences: &[Difference]) -> String {
    let list: Vec<String> = differences.iter().map(Difference::to_string).collect();
    list.join("; ")
}

impl From<SearchError> for CommandError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Cluster(error) => error.into(),
            SearchError::Postgres(error) => error.into(),
            SearchError::Heroku(error) => error.into(),
            SearchError::CommandFailed { ref output, .. } => {
                let hints: Vec<String> =
                    output.iter().map(|line| format!("output: {line}")).collect();
                CommandError::wrap(FailureKind::RemoteJob, error).with_hints(hints)
            }
            SearchError::Incomplete { .. } => CommandError::wrap(FailureKind::RemoteJob, error)
                .hint("read the command's output above, then run the command again"),
            SearchError::NothingToCompare => CommandError::wrap(FailureKind::Configuration, error)
                .hint("set search.indices in bcops.toml: which rows each index holds"),
            SearchError::Interrupted => CommandError::wrap(FailureKind::Interrupted, error)
                .hint(Hint::run("check the index", "bcops search status")),
        }
    }
}
