//! One look at a web address, as a visitor's browser would get there: its name in DNS, the
//! connection, the certificate and the answer to one GET. Nothing is sent but the request.
//!
//! Everything is observed, and nothing judged: a certificate that nobody should trust is read and
//! described, and the request is made all the same, since it holds no secret.

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
    #[error("cannot read which DNS servers this machine asks: {0}")]
    Resolver(String),
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// For one question to one DNS server.
    pub dns: Duration,
    /// How often a DNS server is asked.
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
            // Heroku's router gives up after thirty seconds, and says so itself.
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
            SiteError::Tls(_) => "see whether SSL_CERT_FILE and SSL_CERT_DIR are right",
        };
        CommandError::wrap(FailureKind::Configuration, error).hint(hint)
    }
}
