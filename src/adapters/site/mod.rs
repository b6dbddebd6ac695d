//! Visits a web address as a browser would: DNS, connection, certificate, and the answer to one
//! GET. Only the request is sent.
//!
//! Everything is observed, and nothing is judged. A certificate that no one should trust is
//! described, and the request is still sent, because it holds no secret.

mod certificate;
mod dns;
mod http;
mod tls;
mod visit;

use std::time::Duration;

pub use certificate::{Certificate, TlsProblem};
pub use dns::{DnsAnswer, DnsError};
pub use http::{HttpError, SiteAnswer};
pub use tls::{Tls, TlsError};
pub use visit::{ConnectError, SiteClient, Visit};

use crate::failure::{CommandError, FailureKind};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum SiteError {
    #[error("cannot read this machine's DNS servers: {0}")]
    Resolver(String),
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// How long each kind of wait may take.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// For one query to one DNS server.
    pub dns: Duration,
    /// How often a query is sent to a DNS server.
    pub dns_tries: usize,
    /// For one address.
    pub connect: Duration,
    pub tls: Duration,
    /// Until the first byte of the answer.
    pub answer: Duration,
    /// Until the end of the body.
    pub body: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            dns: Duration::from_secs(3),
            dns_tries: 2,
            connect: Duration::from_secs(5),
            tls: Duration::from_secs(10),
            // Longer than the thirty seconds after which Heroku's router itself answers with an
            // error.
            answer: Duration::from_secs(35),
            body: Duration::from_secs(15),
        }
    }
}

impl From<SiteError> for CommandError {
    fn from(error: SiteError) -> Self {
        let hint = match &error {
            SiteError::Resolver(_) => {
                "set check.dns_server in bcops.toml, for example to \"1.1.1.1:53\""
            }
            SiteError::Tls(_) => "check the variables SSL_CERT_FILE and SSL_CERT_DIR",
        };
        CommandError::wrap(FailureKind::Configuration, error).hint(hint)
    }
}
