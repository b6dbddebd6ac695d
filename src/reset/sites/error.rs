//! Why Site records could not be planned or rewritten.

use thiserror::Error;

use crate::adapters::postgres::PostgresError;

#[derive(Debug, Error)]
pub enum SitesError {
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error("the URL `{url}` of the environment {environment} has no host name")]
    BadUrl { environment: String, url: String },
    #[error("nothing says which host name {record} gets on {environment}; nothing was changed")]
    NoHost { record: String, environment: String },
    #[error("{record} would keep or get production's host name {host}; nothing was changed")]
    Production { record: String, host: String },
    #[error("{one} and {other} would both become {address}; nothing was changed")]
    Same { one: String, other: String, address: String },
    #[error("the Site records are not those of the plan: {difference}; nothing was changed")]
    Changed { difference: String },
    #[error("the Site records are not what they were to become: {difference}")]
    NotRewritten { difference: String },
}
