//! What can go wrong between here and Cloudflare.

use std::time::Duration;

use crate::failure::{CommandError, FailureKind};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum CloudflareError {
    #[error("cloudflare.base_url is not usable: {reason}; give a URL with scheme and host")]
    InvalidEndpoint { reason: String },
    #[error(
        "cloudflare.base_url is neither https nor on this machine, so the token would travel in the clear; use https"
    )]
    UnencryptedEndpoint,
    #[error("cannot set up the HTTP client")]
    ClientSetup(#[source] reqwest::Error),
    #[error("Cloudflare's {what} is empty or holds characters that it cannot have; set it again")]
    InvalidCredentials { what: &'static str },
    #[error("`{given}` is no zone id, which is 32 hexadecimal digits{}", name_hint(given))]
    InvalidZone { given: String },
    #[error("Cloudflare does not accept the credentials for {what}: {message}")]
    Unauthorized { what: String, message: String },
    #[error("Cloudflare's credentials may not be used for {what}: {message}")]
    Forbidden { what: String, message: String },
    #[error("Cloudflare does not know {what}: {message}")]
    NotFound { what: String, message: String },
    #[error("Cloudflare's rate limit holds up {what}")]
    RateLimited { what: String, retry_after: Option<Duration> },
    /// Also with status 200: what counts is what the answer says.
    #[error("Cloudflare refuses {what} (HTTP {status}): {message}")]
    Refused { what: String, status: u16, message: String },
    #[error("Cloudflare failed at {what} (HTTP {status}): {message}")]
    Server { what: String, status: u16, message: String },
    #[error(
        "the answer to {what} (HTTP {status}) is not one of Cloudflare's; see whether cloudflare.base_url is right and whether a proxy stands before it"
    )]
    NotCloudflare { what: String, status: u16 },
    #[error("Cloudflare's answer to {what} does not have the form that bcops knows")]
    UnexpectedResult {
        what: String,
        #[source]
        cause: serde_json::Error,
    },
    /// No connection: it was not sent.
    #[error("cannot reach Cloudflare for {what}")]
    Unsent {
        what: String,
        #[source]
        cause: reqwest::Error,
    },
    /// It was sent, at least in part, and may have had its effect.
    #[error("the answer of Cloudflare to {what} was lost")]
    Lost {
        what: String,
        #[source]
        cause: reqwest::Error,
    },
}

fn name_hint(given: &str) -> &'static str {
    if given.contains('.') { "; it looks like the zone's name" } else { "" }
}

impl CloudflareError {
    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            CloudflareError::RateLimited { .. }
                | CloudflareError::Server { .. }
                | CloudflareError::Unsent { .. }
                | CloudflareError::Lost { .. }
        )
    }

    /// Whether the request may have had its effect although it failed.
    pub fn is_in_doubt(&self) -> bool {
        matches!(
            self,
            CloudflareError::Lost { .. }
                | CloudflareError::Server { .. }
                | CloudflareError::NotCloudflare { .. }
        )
    }

    /// Whether it is about who asks, and not about what.
    pub fn is_denied(&self) -> bool {
        matches!(self, CloudflareError::Unauthorized { .. } | CloudflareError::Forbidden { .. })
    }
}

impl From<CloudflareError> for CommandError {
    fn from(error: CloudflareError) -> Self {
        let (kind, hint) = match &error {
            CloudflareError::InvalidEndpoint { .. } | CloudflareError::UnencryptedEndpoint => (
                FailureKind::Configuration,
                Some("set cloudflare.base_url in bcops.toml, or CLOUDFLARE_BASE_URL"),
            ),
            CloudflareError::InvalidCredentials { .. } | CloudflareError::Unauthorized { .. } => (
                FailureKind::Configuration,
                Some(
                    "make a new API token in Cloudflare and set it as the app's config var; bcops doctor",
                ),
            ),
            CloudflareError::Forbidden { .. } => (
                FailureKind::Configuration,
                Some(
                    "give the token the permission Zone / Cache Purge / Purge for this zone; bcops doctor",
                ),
            ),
            CloudflareError::NotFound { .. } | CloudflareError::InvalidZone { .. } => (
                FailureKind::Configuration,
                Some(
                    "set the zone's id, from the zone's overview in Cloudflare, as the app's config var",
                ),
            ),
            CloudflareError::RateLimited { .. } => (
                FailureKind::Unexpected,
                Some("the limit is the account's: wait some minutes, then try again"),
            ),
            CloudflareError::Unsent { .. }
            | CloudflareError::Lost { .. }
            | CloudflareError::Server { .. } => (
                FailureKind::Unexpected,
                Some(
                    "see https://www.cloudflarestatus.com, then try again: purging twice does no harm",
                ),
            ),
            CloudflareError::NotCloudflare { .. } | CloudflareError::UnexpectedResult { .. } => (
                FailureKind::Unexpected,
                Some("set cloudflare.base_url in bcops.toml, or CLOUDFLARE_BASE_URL; bcops doctor"),
            ),
            CloudflareError::Refused { .. } => (
                FailureKind::Unexpected,
                Some("see in Cloudflare's dashboard what the zone's plan and the token allow"),
            ),
            CloudflareError::ClientSetup(_) => (FailureKind::Unexpected, None),
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}
