//! Defines why Site records could not be planned or rewritten.

use thiserror::Error;

use crate::adapters::postgres::PostgresError;
use crate::failure::{CommandError, FailureKind};

#[derive(Debug, Error)]
pub enum SitesError {
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error("the URL `{url}` of the environment {environment} has no host name")]
    BadUrl { environment: String, url: String },
    #[error("no rule gives {record} a host name on {environment}; nothing was changed")]
    NoHost { record: String, environment: String },
    #[error("{record} would keep or get production's host name {host}; nothing was changed")]
    Production { record: String, host: String },
    #[error("{one} and {other} would both become {address}; nothing was changed")]
    Same { one: String, other: String, address: String },
    #[error("the Site records differ from the plan: {difference}; nothing was changed")]
    Changed { difference: String },
    #[error("the Site records were not rewritten as planned: {difference}")]
    NotRewritten { difference: String },
}

impl From<SitesError> for CommandError {
    fn from(error: SitesError) -> Self {
        match error {
            SitesError::Postgres(error) => error.into(),
            SitesError::BadUrl { ref environment, .. } => {
                let hint = format!("fix environments.{environment}.sites in bcops.toml");
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
            SitesError::NoHost { .. } | SitesError::Production { .. } | SitesError::Same { .. } => {
                CommandError::wrap(FailureKind::Configuration, error)
                    .hint("set the host name: reset.hosts = [\"FROM=TO\"] in bcops.toml")
            }
            SitesError::Changed { .. } | SitesError::NotRewritten { .. } => {
                CommandError::wrap(FailureKind::Unexpected, error)
            }
        }
    }
}
