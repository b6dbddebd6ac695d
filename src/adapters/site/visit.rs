//! Visits one address: name, connection, certificate, answer.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::TokioResolver;
use thiserror::Error;
use tokio::net::TcpStream;
use url::{Host, Url};

use super::dns::{self, DnsAnswer, DnsError};
use super::http::{self, HttpError, SiteAnswer};
use super::tls::{Handshaker, Tls, TlsError};
use super::{SiteError, Timing};
use crate::settings::Check;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConnectError {
    #[error("{address} refused the connection")]
    Refused { address: SocketAddr },
    #[error("{address} did not answer within {seconds} s")]
    Timeout { address: SocketAddr, seconds: u64 },
    #[error("cannot connect to {address}: {reason}")]
    Failed { address: SocketAddr, reason: String },
}

/// The results of one visit. Everything after a failure is `None`.
#[derive(Debug, Clone, Default)]
pub struct Visit {
    /// `None` also if no lookup was needed.
    pub dns: Option<Result<DnsAnswer, DnsError>>,
    /// The address from the settings that replaces DNS.
    pub instead: Option<SocketAddr>,
    pub connection: Option<Result<SocketAddr, ConnectError>>,
    /// `None` also without encryption.
    pub tls: Option<Result<Tls, TlsError>>,
    pub answer: Option<Result<SiteAnswer, HttpError>>,
}

/// Makes visits.
#[derive(Clone)]
pub struct SiteClient {
    resolver: TokioResolver,
    settings: Check,
    handshaker: Handshaker,
    timing: Timing,
}

impl SiteClient {
    /// # Errors
    /// If this machine's DNS servers or its TLS library cannot be used.
    pub fn new(settings: &Check, timing: Timing) -> Result<SiteClient, SiteError> {
        Ok(SiteClient {
            resolver: dns::resolver(settings.dns_server, &timing)?,
            settings: settings.clone(),
            handshaker: Handshaker::new()?,
            timing,
        })
    }

    /// Sends one GET and does not follow redirects.
    pub async fn visit(&self, url: &Url) -> Visit {
        let mut visit = Visit::default();
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return visit;
        };
        let addresses = self.addresses(&mut visit, &host, port).await;
        let Some((address, stream)) = self.connect(&mut visit, &addresses).await else {
            return visit;
        };
        visit.connection = Some(Ok(address));
        if url.scheme() != "https" {
            visit.answer = Some(http::get(stream, url, &self.timing).await);
            return visit;
        }
        match self.handshaker.shake_hands(&host.to_string(), stream, &self.timing).await {
            Err(error) => visit.tls = Some(Err(error)),
            Ok((tls, stream)) => {
                visit.tls = Some(Ok(tls));
                visit.answer = Some(http::get(stream, url, &self.timing).await);
            }
        }
        visit
    }

    async fn addresses(&self, visit: &mut Visit, host: &Host<&str>, port: u16) -> Vec<SocketAddr> {
        let name = match host {
            Host::Ipv4(address) => return vec![SocketAddr::new(IpAddr::V4(*address), port)],
            Host::Ipv6(address) => return vec![SocketAddr::new(IpAddr::V6(*address), port)],
            Host::Domain(name) => *name,
        };
        let plain = name.trim_end_matches('.');
        let fits = |one: &&crate::settings::ConnectTo| {
            one.host.as_str().eq_ignore_ascii_case(plain) && one.port == port
        };
        if let Some(instead) = self.settings.connect.iter().find(fits) {
            visit.instead = Some(instead.address);
            return vec![instead.address];
        }
        let found = dns::look_up(&self.resolver, name).await;
        let addresses = found.as_ref().map(|found| found.addresses.clone()).unwrap_or_default();
        visit.dns = Some(found);
        addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect()
    }

    /// Connects to the first address that accepts. Records the first failure if none does.
    async fn connect(
        &self,
        visit: &mut Visit,
        addresses: &[SocketAddr],
    ) -> Option<(SocketAddr, TcpStream)> {
        for address in addresses {
            let address = *address;
            let connecting = TcpStream::connect(address);
            let error = match tokio::time::timeout(self.timing.connect, connecting).await {
                Ok(Ok(stream)) => return Some((address, stream)),
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    ConnectError::Refused { address }
                }
                Ok(Err(error)) => ConnectError::Failed { address, reason: error.to_string() },
                Err(_) => {
                    let seconds = self.timing.connect.as_secs();
                    ConnectError::Timeout { address, seconds }
                }
            };
            if visit.connection.is_none() {
                visit.connection = Some(Err(error));
            }
        }
        None
    }
}
