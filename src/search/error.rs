//! What can go wrong with the site's search.

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
        /// The end of what it said, without credentials.
        said: Vec<String>,
    },
    /// The command ended well, and the indices say something else.
    #[error(
        "`{command}` ended well, but the search index does not hold what the database holds: {}",
        in_words(.differences)
    )]
    Incomplete { command: String, differences: Vec<Difference> },
    #[error(
        "none of the site's tables is in the database, so that the search index cannot be checked"
    )]
    NothingToCompare,
    #[error("interrupted before the search index was checked")]
    Interrupted,
}

/// Whether it would meet every question to the cluster, whatever it is about.
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

/// Whether it may be of one slow or busy index, or of the whole cluster: only the answers for the
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
            SearchError::CommandFailed { ref said, .. } => {
                let hints: Vec<String> =
                    said.iter().map(|line| format!("it said: {line}")).collect();
                CommandError::wrap(FailureKind::RemoteJob, error).with_hints(hints)
            }
            SearchError::Incomplete { .. } => CommandError::wrap(FailureKind::RemoteJob, error)
                .hint("look at what the command said above, then run it again"),
            SearchError::NothingToCompare => CommandError::wrap(FailureKind::Configuration, error)
                .hint("say in bcops.toml which rows each index holds: search.indices"),
            SearchError::Interrupted => CommandError::wrap(FailureKind::Interrupted, error)
                .hint(Hint::run("check the index", "bcops search status")),
        }
    }
}
