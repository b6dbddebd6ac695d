//! Opens sessions, and quotes text for SQL that cannot take parameters.

use std::ops::Deref;
use std::sync::OnceLock;
use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::Host;
use super::{DatabaseUrl, PostgresError, SslMode, tls};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// A client with its connection, which runs in a task and ends with the client.
pub struct Session {
    client: Client,
    connection: tokio::task::JoinHandle<()>,
    number: OnceLock<i32>,
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Session {
    /// Ends the session and waits until the socket is closed, so the server has released the
    /// database when this returns.
    pub async fn close(self) {
        let Session { client, connection, .. } = self;
        drop(client);
        // The task ends once the client is gone, so its errors no longer matter.
        let _ = tokio::time::timeout(CONNECT_TIMEOUT, connection).await;
    }

    /// Asks the server for the process number that identifies this session to others.
    pub async fn learn_number(&self) -> Result<(), PostgresError> {
        let row = self.client.query_one("SELECT pg_catalog.pg_backend_pid()", &[]).await?;
        self.number.get_or_init(|| row.get(0));
        Ok(())
    }

    /// The process number, if [`Session::learn_number`] has run.
    pub fn number(&self) -> Option<i32> {
        self.number.get().copied()
    }
}

pub async fn connect(url: &DatabaseUrl) -> Result<Session, PostgresError> {
    let mut config = Config::new();
    match &url.host {
        Host::Socket(folder) => config.host_path(folder),
        // The final dot of an absolute name does not work with every resolver, nor with
        // certificates.
        Host::Name(name) => config.host(name.trim_end_matches('.')),
    };
    config.port(url.port).dbname(&url.database).user(&url.user).application_name("bcops");
    // A dead network must be noticed within minutes, not hours.
    config
        .keepalives_idle(Duration::from_secs(30))
        .keepalives_interval(Duration::from_secs(10))
        .keepalives_retries(6)
        .tcp_user_timeout(Duration::from_secs(90));
    if let Some(password) = &url.password {
        config.password(password.expose());
    }
    let place = url.place();
    let timeout =
        PostgresError::Timeout { place: place.clone(), seconds: CONNECT_TIMEOUT.as_secs() };
    tokio::time::timeout(CONNECT_TIMEOUT, open(url, &mut config, place))
        .await
        .map_err(|_| timeout)?
}

async fn open(
    url: &DatabaseUrl,
    config: &mut Config,
    place: String,
) -> Result<Session, PostgresError> {
    let name = match (&url.host, url.ssl_mode) {
        (Host::Socket(_), _) | (_, SslMode::Disable) => {
            config.ssl_mode(tokio_postgres::config::SslMode::Disable);
            let (client, connection) = config.connect(NoTls).await.map_err(|source| {
                PostgresError::Connect { place, source: Box::new(source.into()) }
            })?;
            return Ok(spawn(client, connection));
        }
        (Host::Name(name), _) => name.trim_end_matches('.'),
    };
    config.ssl_mode(match url.ssl_mode {
        SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
        _ => tokio_postgres::config::SslMode::Require,
    });
    let tls = tls::client_config(url.ssl_mode, name, url.ssl_root_certificate.as_deref())?;
    let (client, connection) = config
        .connect(MakeRustlsConnect::new(tls))
        .await
        .map_err(|source| PostgresError::Connect { place, source: Box::new(source.into()) })?;
    Ok(spawn(client, connection))
}

fn spawn<S, T>(client: Client, connection: tokio_postgres::Connection<S, T>) -> Session
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    // A broken connection appears as the error of the current request.
    let connection = tokio::spawn(async move {
        let _ = connection.await;
    });
    Session { client, connection, number: OnceLock::new() }
}

/// `'text'`, in the form that does not depend on `standard_conforming_strings`.
pub fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') {
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting() {
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal(r"a\b"), r" E'a\\b'");
    }
}
