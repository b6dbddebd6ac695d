//! Connects to a dyno: TLS to the host of its URL, its secret on a line, and a greeting back.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use super::{OneOffError, Started};
use crate::adapters::heroku::Heroku;

const GREETING: &[u8] = b"rendezvous\r\n";
const DEFAULT_PORT: u16 = 5000;
/// After this time without data, TCP checks that the connection still works.
const QUIET: Duration = Duration::from_secs(30);

pub type Connection = TlsStream<TcpStream>;

/// The address, and the secret to send.
struct Place {
    host: String,
    port: u16,
    secret: String,
}

impl Heroku {
    /// Connects to a dyno and waits for its greeting.
    pub(super) async fn meet(&self, started: &Started) -> Result<Connection, OneOffError> {
        let dyno = || started.name.clone();
        let place = place(started).ok_or_else(|| OneOffError::NoRendezvous { dyno: dyno() })?;
        let config = client_config(self.authority.as_deref())?;
        let connecting = async {
            let stream = TcpStream::connect((place.host.as_str(), place.port)).await?;
            // Sends each typed key at once.
            stream.set_nodelay(true)?;
            notice_loss(&stream)?;
            let name = ServerName::try_from(place.host.clone()).map_err(io::Error::other)?;
            let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
            stream.write_all(format!("{}\r\n", place.secret).as_bytes()).await?;
            stream.flush().await?;
            Ok(stream)
        };
        let unreachable =
            |cause| OneOffError::Unreachable { dyno: dyno(), host: place.host.clone(), cause };
        let mut stream = tokio::time::timeout(self.timing.request, connecting)
            .await
            .map_err(|late| unreachable(io::Error::new(io::ErrorKind::TimedOut, late)))?
            .map_err(unreachable)?;
        let mut greeting = [0; GREETING.len()];
        match tokio::time::timeout(self.timing.dynos, stream.read_exact(&mut greeting)).await {
            Ok(Ok(_)) if greeting == GREETING => Ok(stream),
            Ok(_) => Err(OneOffError::Refused { dyno: dyno() }),
            Err(_) => {
                let seconds = self.timing.dynos.as_secs();
                Err(OneOffError::NeverCame { dyno: dyno(), seconds })
            }
        }
    }
}

/// Turns on keepalive, because a lost network sends nothing, and a person who waits for a quiet
/// command must learn of it.
fn notice_loss(stream: &TcpStream) -> io::Result<()> {
    let often = TcpKeepalive::new().with_time(QUIET).with_interval(Duration::from_secs(10));
    SockRef::from(stream).set_tcp_keepalive(&often)
}

fn place(started: &Started) -> Option<Place> {
    let url = Url::parse(started.attach_url.as_ref()?.expose()).ok()?;
    let host = url.host_str().filter(|_| url.scheme() == "rendezvous")?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let path = url.path().trim_start_matches('/');
    let secret = match url.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    Some(Place { host, port: url.port().unwrap_or(DEFAULT_PORT), secret })
}

/// Verifies the certificate for the host of the URL. Like the CLI it sends no server name.
fn client_config(authority: Option<&[u8]>) -> Result<ClientConfig, OneOffError> {
    let unusable = |reason: String| OneOffError::Certificates { reason };
    let mut roots = RootCertStore::empty();
    match authority {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
            }
        }
        None => {
            for certificate in rustls_native_certs::load_native_certs().certs {
                // A broken certificate in the system's store only makes its issuer unknown.
                let _ = roots.add(certificate);
            }
        }
    }
    if roots.is_empty() {
        return Err(unusable("this machine has no certificates installed".to_owned()));
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.enable_sni = false;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn read(url: &str) -> Option<(String, u16, String)> {
        let attach_url = Some(Secret::new(url));
        let started = Started { id: String::new(), name: String::new(), attach_url };
        place(&started).map(|place| (place.host, place.port, place.secret))
    }

    #[test]
    fn the_secret_is_path_and_query() {
        let expect = |host: &str, port, secret: &str| Some((host.into(), port, secret.into()));
        assert_eq!(read("rendezvous://r.test:5001/abc"), expect("r.test", 5001, "abc"));
        assert_eq!(read("rendezvous://r.test/abc?d=e"), expect("r.test", 5000, "abc?d=e"));
        assert_eq!(read("rendezvous://[::1]:7/x"), expect("::1", 7, "x"));
        assert_eq!(read("https://r.test/abc"), None);
        assert_eq!(read("nonsense"), None);
    }
}
