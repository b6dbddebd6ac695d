//! Makes a TLS handshake with any certificate, and then checks the certificate.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::{Certificate, TlsProblem};
use super::{SiteError, Timing};
use crate::adapters::postgres::{SslMode, tls};

/// The result of a handshake.
#[derive(Debug, Clone)]
pub struct Tls {
    pub certificate: Certificate,
    /// Empty if a browser would accept the certificate.
    pub problems: Vec<TlsProblem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TlsError {
    #[error("no TLS handshake within {seconds} s")]
    Timeout { seconds: u64 },
    #[error("the TLS handshake failed: {reason}")]
    Handshake { reason: String },
    #[error("cannot read the server's certificate")]
    Unreadable,
    #[error("this host name cannot be in a certificate")]
    BadName,
}

/// The configuration of handshakes, and the authorities that this machine trusts.
#[derive(Clone)]
pub(super) struct Handshaker {
    config: Arc<ClientConfig>,
    roots: Arc<RootCertStore>,
}

impl Handshaker {
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the system's authorities.
    pub fn new() -> Result<Handshaker, SiteError> {
        let config = tls::client_config(SslMode::Require, "a site", None);
        let mut config = config.map_err(|error| SiteError::Tls(error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut roots = RootCertStore::empty();
        for certificate in rustls_native_certs::load_native_certs().certs {
            // A broken certificate in the system's store only makes its issuer unknown.
            let _ = roots.add(certificate);
        }
        Ok(Handshaker { config: Arc::new(config), roots: Arc::new(roots) })
    }

    pub async fn shake_hands(
        &self,
        host: &str,
        stream: TcpStream,
        timing: &Timing,
    ) -> Result<(Tls, TlsStream<TcpStream>), TlsError> {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(|_| TlsError::BadName)?;
        let connecting = TlsConnector::from(self.config.clone()).connect(name.clone(), stream);
        let stream = tokio::time::timeout(timing.tls, connecting)
            .await
            .map_err(|_| TlsError::Timeout { seconds: timing.tls.as_secs() })?
            .map_err(|error| TlsError::Handshake { reason: error.to_string() })?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificate = Certificate::read(chain).ok_or(TlsError::Unreadable)?;
        let problems = certificate.problems(chain, &name, &self.roots, Timestamp::now());
        Ok((Tls { certificate, problems }, stream))
    }
}
