//! Connects to a Redis server as Heroku provides it: `redis://` or `rediss://`, with a password,
//! and with a certificate that no client can verify.
//!
//! The stream is made here, so TLS is the same as for Heroku's Postgres. The `redis` crate speaks
//! the protocol.

use std::collections::BTreeSet;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, ServerErrorKind};
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::postgres::{SslMode, tls};
use super::transport;
use crate::failure::Hint;
use crate::failure::{CommandError, FailureKind};
use crate::secret::Secret;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Error)]
pub enum RedisError {
    /// The URL is not shown, because it holds the password.
    #[error("cannot read the URL of Redis: {0}")]
    BadUrl(String),
    #[error(
        "cannot connect to Redis at {place}: the password would be sent unencrypted; use a rediss:// URL"
    )]
    Unencrypted { place: String },
    #[error("cannot connect to Redis at {place}: {reason}")]
    Connect { place: String, reason: String },
    #[error("no answer from Redis at {place} within {seconds} s")]
    Timeout { place: String, seconds: u64 },
    #[error("Redis at {place} refused the login: {reason}")]
    Login { place: String, reason: String },
    #[error("Redis at {place} does not allow {command}: {reason}")]
    NotAllowed { place: String, command: &'static str, reason: String },
    #[error("Redis at {place} failed at {command}: {reason}")]
    Command { place: String, command: &'static str, reason: String },
}

impl RedisError {
    /// Whether the server lacks the command, or this login may not use it.
    pub fn lacks_command(&self) -> bool {
        match self {
            RedisError::NotAllowed { .. } => true,
            RedisError::Command { reason, .. } => {
                reason.to_ascii_lowercase().contains("unknown command")
            }
            _ => false,
        }
    }

    /// Whether the server lacks a database with this number, or this login may not use it. A
    /// cluster has only one database.
    pub fn lacks_database(&self) -> bool {
        let (RedisError::Connect { reason, .. } | RedisError::Login { reason, .. }) = self else {
            return false;
        };
        let reason = reason.to_ascii_lowercase();
        ["select is not allowed", "db index is out of range", "'select'", "invalid db index"]
            .iter()
            .any(|words| reason.contains(words))
    }
}

/// The address of a server, and the login.
#[derive(Debug, Clone)]
pub struct RedisUrl {
    host: String,
    port: u16,
    encrypted: bool,
    user: Option<String>,
    password: Option<Secret>,
    database: i64,
}

impl RedisUrl {
    /// Reads `redis://[user:password@]host[:port][/number]`, and `rediss://` for TLS. Without a
    /// number it means database 0, which holds the site's default cache.
    ///
    /// # Errors
    /// If it is not such a URL.
    pub fn parse(text: &str) -> Result<RedisUrl, RedisError> {
        let bad = |reason: &str| RedisError::BadUrl(reason.to_owned());
        let url = Url::parse(text.trim()).map_err(|_| bad("it is not a URL"))?;
        let encrypted = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(bad("it must begin with redis:// or rediss://")),
        };
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| bad("it has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let decoded = |text: &str| {
            transport::percent_decoded(text).ok_or_else(|| bad("a % sequence is not valid"))
        };
        let password = match url.password() {
            Some(password) => Some(Secret::new(decoded(password)?)),
            None => None,
        };
        let user = Some(decoded(url.username())?).filter(|user| !user.is_empty());
        // The site's client reads these from the query if the URL has none before the host.
        let of_query = |wanted: &str| {
            let mut pairs = url.query_pairs().filter(|(name, _)| name == wanted);
            pairs.next().map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty())
        };
        let user = user.or_else(|| of_query("username"));
        let password = password.or_else(|| of_query("password").map(Secret::new));
        let database = database_of(&url)?;
        let port = url.port().unwrap_or(6379);
        Ok(RedisUrl { host, port, encrypted, user, password, database })
    }

    /// Another database of the same server.
    pub fn with_database(&self, database: u16) -> RedisUrl {
        RedisUrl { database: i64::from(database), ..self.clone() }
    }

    /// Another node of the same cluster, with the same login.
    fn at(&self, host: &str, port: u16) -> RedisUrl {
        RedisUrl { host: host.to_owned(), port, database: 0, ..self.clone() }
    }

    /// The number of the database in its server.
    pub fn database(&self) -> i64 {
        self.database
    }

    /// Host and port for messages, without the login.
    pub fn place(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Whether both may be the same server under any name. Database numbers are ignored, because an
    /// eviction ignores them too.
    pub fn may_be(&self, other: &RedisUrl) -> bool {
        let plain = |host: &str| host.trim_end_matches('.').to_ascii_lowercase();
        let same_name = plain(&self.host) == plain(&other.host);
        let (own, others) = (self.addresses(), other.addresses());
        let loopback = |addresses: &BTreeSet<IpAddr>| {
            !addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback)
        };
        let same_host =
            same_name || !own.is_disjoint(&others) || (loopback(&own) && loopback(&others));
        // Heroku's passwords are long and random, so the same password means the same server.
        let same_password = match (&self.password, &other.password) {
            (Some(own), Some(other)) => own.expose().len() >= 16 && own.expose() == other.expose(),
            _ => false,
        };
        (same_host && self.port == other.port) || same_password
    }

    fn addresses(&self) -> BTreeSet<IpAddr> {
        let found = (self.host.trim_end_matches('.'), self.port).to_socket_addrs();
        found.into_iter().flatten().map(|address| transport::reached(address.ip())).collect()
    }

    /// Whether a password would be sent unencrypted.
    fn is_exposed(&self) -> bool {
        !self.encrypted && self.password.is_some() && !self.is_loopback()
    }

    fn is_loopback(&self) -> bool {
        let plain = self.host.trim_end_matches('.');
        let host = if plain.contains(':') { format!("[{plain}]") } else { plain.to_owned() };
        Url::parse(&format!("http://{host}")).is_ok_and(|url| transport::is_loopback(&url))
    }
}

/// The database's number: the query's number has priority over the path's, as in redis-py. Unknown
/// parameters are refused, because a client may read them differently.
fn database_of(url: &Url) -> Result<i64, RedisError> {
    let bad = |reason: String| RedisError::BadUrl(reason);
    let mut asked = None;
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "db" => {
                let number = value
                    .parse::<u16>()
                    .map_err(|_| bad("its parameter `db` is not a database number".to_owned()))?;
                if asked.is_some_and(|other| other != i64::from(number)) {
                    return Err(bad("its parameter `db` is given twice".to_owned()));
                }
                asked = Some(i64::from(number));
            }
            name if HARMLESS.contains(&name) => {}
            name => {
                let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
                return Err(bad(format!("bcops does not support its parameter `{name}`")));
            }
        }
    }
    let of_path = match url.path().trim_matches('/') {
        "" => None,
        number => Some(
            number
                .parse::<u16>()
                .map(i64::from)
                .map_err(|_| bad("its path is not a database number".to_owned()))?,
        ),
    };
    Ok(asked.or(of_path).unwrap_or(0))
}

/// Parameters of redis-py and django-redis that do not change which database is reached.
const HARMLESS: &[&str] = &[
    "client_name",
    "decode_responses",
    "encoding",
    "encoding_errors",
    "health_check_interval",
    "lib_name",
    "lib_version",
    "max_connections",
    "password",
    "protocol",
    "retry_on_error",
    "retry_on_timeout",
    "single_connection_client",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_read_size",
    "socket_timeout",
    "ssl_ca_certs",
    "ssl_ca_data",
    "ssl_ca_path",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
    "ssl_min_version",
    "ssl_validate_ocsp",
    "ssl_validate_ocsp_stapled",
    "timeout",
    "username",
];

/// A session, logged in. Its connection ends with it.
pub struct Redis {
    connection: MultiplexedConnection,
    driver: tokio::task::JoinHandle<()>,
    place: String,
    deletes_by: &'static str,
    is_cluster: bool,
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Redis {
    /// # Errors
    /// If a password would be sent unencrypted to another machine. Nothing is sent then.
    pub async fn connect(url: &RedisUrl) -> Result<Redis, RedisError> {
        let place = url.place();
        if url.is_exposed() {
            return Err(RedisError::Unencrypted { place });
        }
        let timeout =
            RedisError::Timeout { place: place.clone(), seconds: CONNECT_TIMEOUT.as_secs() };
        tokio::time::timeout(CONNECT_TIMEOUT, open(url)).await.map_err(|_| timeout)?
    }

    /// One page of the keys that match a pattern. Returns the cursor of the next page (0 at the
    /// end) and the keys.
    pub async fn scan(
        &mut self,
        cursor: u64,
        pattern: &[u8],
        page: u32,
    ) -> Result<(u64, Vec<Vec<u8>>), RedisError> {
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(page);
        self.query("SCAN", &command).await
    }

    /// Deletes keys, and returns how many existed.
    ///
    /// UNLINK lets the server free the memory later. Servers before 4.0 lack UNLINK, and a login
    /// may not be allowed to use it: DEL then does the same at once. A cluster takes keys one by
    /// one.
    pub async fn delete(&mut self, keys: &[Vec<u8>]) -> Result<u64, RedisError> {
        if keys.is_empty() {
            return Ok(0);
        }
        match self.delete_by(self.deletes_by, keys).await {
            Err(error) if self.deletes_by == "UNLINK" && error.lacks_command() => {
                self.deletes_by = "DEL";
                self.delete_by("DEL", keys).await
            }
            other => other,
        }
    }

    async fn delete_by(
        &mut self,
        command: &'static str,
        keys: &[Vec<u8>],
    ) -> Result<u64, RedisError> {
        if !self.is_cluster {
            return self.query(command, redis::cmd(command).arg(keys)).await;
        }
        let mut deleted = 0;
        for key in keys {
            deleted += self.query::<u64>(command, redis::cmd(command).arg(key)).await?;
        }
        Ok(deleted)
    }

    /// The URLs of all nodes that hold keys: this server only, unless it is part of a cluster.
    ///
    /// # Errors
    /// If a node of a cluster does not name the others.
    pub async fn nodes(&mut self, url: &RedisUrl) -> Result<Vec<RedisUrl>, RedisError> {
        if !self.is_cluster {
            return Ok(vec![url.clone()]);
        }
        let said: String = self.query("CLUSTER NODES", redis::cmd("CLUSTER").arg("NODES")).await?;
        let found: Vec<RedisUrl> = said.lines().filter_map(|line| node(url, line)).collect();
        if found.is_empty() {
            return Err(RedisError::Command {
                place: self.place.clone(),
                command: "CLUSTER NODES",
                reason: "no node holds keys".to_owned(),
            });
        }
        Ok(found)
    }

    /// Asks once whether the server is part of a cluster. No clear answer means no.
    async fn look_for_cluster(&mut self) {
        let said = self.query::<String>("INFO", redis::cmd("INFO").arg("cluster")).await;
        self.is_cluster =
            said.is_ok_and(|said| said.lines().any(|line| line.trim() == "cluster_enabled:1"));
    }

    /// The server's id since its start, which is the same under every name.
    ///
    /// # Errors
    /// If the login may not ask, or the server does not answer.
    pub async fn run_id(&mut self) -> Result<String, RedisError> {
        let said: String = self.query("INFO", redis::cmd("INFO").arg("server")).await?;
        let id = said.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::trim);
        match id.filter(|id| !id.is_empty()) {
            Some(id) => Ok(id.to_owned()),
            None => Err(RedisError::Command {
                place: self.place.clone(),
                command: "INFO",
                reason: "the server does not report its run_id".to_owned(),
            }),
        }
    }

    async fn query<T: redis::FromRedisValue>(
        &mut self,
        name: &'static str,
        command: &redis::Cmd,
    ) -> Result<T, RedisError> {
        let answer = command.query_async::<T>(&mut self.connection);
        let place = self.place.clone();
        match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Err(_) => Err(RedisError::Timeout { place, seconds: ANSWER_TIMEOUT.as_secs() }),
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let reason = words(&error);
                Err(match error.kind() {
                    ErrorKind::Server(ServerErrorKind::NoPerm) => {
                        RedisError::NotAllowed { place, command: name, reason }
                    }
                    _ => RedisError::Command { place, command: name, reason },
                })
            }
        }
    }
}

async fn open(url: &RedisUrl) -> Result<Redis, RedisError> {
    let failed = |reason: String| RedisError::Connect { place: url.place(), reason };
    let host = url.host.trim_end_matches('.');
    let stream =
        TcpStream::connect((host, url.port)).await.map_err(|error| failed(error.to_string()))?;
    if !url.encrypted {
        return log_in(url, stream).await;
    }
    let config = tls::client_config(SslMode::Require, host, None)
        .map_err(|error| failed(error.to_string()))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(error.to_string()))?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| failed(format!("TLS: {error}")))?;
    log_in(url, stream).await
}

async fn log_in<S>(url: &RedisUrl, stream: S) -> Result<Redis, RedisError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut login = RedisConnectionInfo::default().set_db(url.database).set_skip_set_lib_name();
    if let Some(user) = &url.user {
        login = login.set_username(user);
    }
    if let Some(password) = &url.password {
        login = login.set_password(password.expose());
    }
    let place = url.place();
    // The crate's own time limit is half a second. Ours applies to every command.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let opened = MultiplexedConnection::new_with_config(&login, stream, config);
    let (mut connection, driver) = opened.await.map_err(|error| refused(url, &error))?;
    let driver = tokio::spawn(driver);
    // A server that requires a password complains only at the first command.
    let pong: Result<String, _> = redis::cmd("PING").query_async(&mut connection).await;
    let mut redis = Redis { connection, driver, place, deletes_by: "UNLINK", is_cluster: false };
    match pong {
        // A login that may not send PING was still accepted.
        Err(error) if error.code() != Some("NOPERM") => Err(refused(url, &error)),
        _ => {
            redis.look_for_cluster().await;
            Ok(redis)
        }
    }
}

/// The node of a line of CLUSTER NODES, if it holds keys: `ID HOST:PORT@BUS[,NAME] FLAGS MASTER …`.
/// Without a host it is the same host.
fn node(url: &RedisUrl, line: &str) -> Option<RedisUrl> {
    let mut words = line.split(' ');
    let address = words.nth(1)?;
    let flags: Vec<&str> = words.next()?.split(',').collect();
    if !flags.contains(&"master") || flags.iter().any(|flag| flag.starts_with("fail")) {
        return None;
    }
    if flags.contains(&"myself") {
        return Some(url.clone());
    }
    let (place, name) = address.split_once(',').unwrap_or((address, ""));
    let name = name.split(',').next().filter(|name| !name.is_empty());
    let (host, port) = place.split_once('@').map_or(place, |(place, _)| place).rsplit_once(':')?;
    let host = name.unwrap_or(host).trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().ok()?;
    Some(url.at(if host.is_empty() { &url.host } else { host }, port))
}

fn refused(url: &RedisUrl, error: &redis::RedisError) -> RedisError {
    let (place, reason) = (url.place(), words(error));
    let is_login = matches!(error.kind(), ErrorKind::AuthenticationFailed)
        || error.code().is_some_and(|code| ["NOAUTH", "WRONGPASS", "NOPERM"].contains(&code));
    match is_login {
        true => RedisError::Login { place, reason },
        false => RedisError::Connect { place, reason },
    }
}

/// The server's message on one line.
fn words(error: &redis::RedisError) -> String {
    if matches!(error.kind(), ErrorKind::AuthenticationFailed) {
        return "wrong user or password".to_owned();
    }
    let text = error.detail().map_or_else(|| error.to_string(), str::to_owned);
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

impl From<RedisError> for CommandError {
    fn from(error: RedisError) -> Self {
        let hint: Hint = match &error {
            RedisError::BadUrl(_) | RedisError::Unencrypted { .. } => {
                Hint::run("look at the app's config vars", "heroku config --app")
            }
            RedisError::Connect { .. } | RedisError::Timeout { .. } => {
                "check that the server is up and reachable from here, then run: bcops doctor".into()
            }
            RedisError::Login { .. } => {
                "look at the app's config vars: the password may have changed".into()
            }
            RedisError::NotAllowed { .. } => {
                "use a login that is allowed to SCAN and UNLINK".into()
            }
            RedisError::Command { .. } => {
                return CommandError::wrap(FailureKind::Unexpected, error);
            }
        };
        CommandError::wrap(FailureKind::Configuration, error).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> RedisUrl {
        RedisUrl::parse(text).expect("a URL")
    }

    #[test]
    fn urls_from_heroku_are_read() {
        let found = url("rediss://:p%40ss@ec2-1-2-3-4.example:6380");
        assert_eq!((found.place().as_str(), found.encrypted), ("ec2-1-2-3-4.example:6380", true));
        assert_eq!(found.password.expect("one").expose(), "p@ss");
        assert_eq!((found.user, found.database), (None, 0));
        let found = url("redis://default:x@localhost/1");
        assert_eq!((found.port, found.user.as_deref(), found.database), (6379, Some("default"), 1));
        assert_eq!(url("redis://[::1]:7000").place(), "[::1]:7000");
        let found = url("redis://h?username=u&password=p%40&health_check_interval=5");
        assert_eq!(found.user.as_deref(), Some("u"));
        assert_eq!(found.password.expect("one").expose(), "p@");
        assert_eq!(url("redis://:own@h?password=other").password.expect("one").expose(), "own");
        assert_eq!(url("redis://h/1?db=2").database(), 2);
        assert_eq!(url("rediss://h/1?ssl_cert_reqs=none").database(), 1);
        for bad in [
            "",
            "http://h",
            "redis://",
            "redis://h/x",
            "rediss://:%zz@h",
            "redis://h?db=x",
            "redis://h?db=1&db=2",
            "redis://h/-1",
            "redis://h?host=other",
        ] {
            let error = RedisUrl::parse(bad).expect_err(bad);
            assert!(matches!(error, RedisError::BadUrl(_)), "{bad}: {error}");
        }
    }

    #[test]
    fn a_password_is_never_sent_unencrypted() {
        assert!(url("redis://:very-secret@redis.example").is_exposed());
        for private in
            ["redis://redis.example", "rediss://:x@redis.example", "redis://:x@[::1]:7000"]
        {
            assert!(!url(private).is_exposed(), "{private}");
        }
    }

    #[test]
    fn nodes_of_a_cluster_are_read_from_their_lines() {
        let url = url("rediss://:p@h:6380");
        let place = |line: &str| node(&url, line).map(|node| node.place());
        for (line, expected) in [
            ("a 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-5460", Some("h:6380")),
            ("b 10.0.0.2:7001@17001 master - 0 1 2 connected", Some("10.0.0.2:7001")),
            ("b 10.0.0.2:7001@17001,b.example master - 0 1", Some("b.example:7001")),
            ("b ::1:7001@17001 master - 0 1", Some("[::1]:7001")),
            ("b :7001@17001 master - 0 1", Some("h:7001")),
            ("b 10.0.0.2:7001 master - 0 1", Some("10.0.0.2:7001")),
            ("c 10.0.0.3:7002@17002 slave b 0 1", None),
            ("d 10.0.0.4:7003@17003 master,fail - 0 1", None),
            ("", None),
            ("e nonsense master", None),
        ] {
            assert_eq!(place(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn missing_features_are_recognized_in_messages() {
        let place = || "h".to_owned();
        let command = |reason: &str| RedisError::Command {
            place: place(),
            command: "UNLINK",
            reason: reason.to_owned(),
        };
        assert!(command("unknown command `UNLINK`, with args").lacks_command());
        assert!(!command("OOM command not allowed").lacks_command());
        let select =
            |reason: &str| RedisError::Connect { place: place(), reason: reason.to_owned() };
        assert!(select("SELECT is not allowed in cluster mode").lacks_database());
        assert!(select("DB index is out of range").lacks_database());
        assert!(!select("connection refused").lacks_database());
    }

    #[test]
    fn spellings_of_one_server_are_equal() {
        let production = url("redis://127.0.0.1:7000");
        for same in ["redis://localhost:7000/3", "redis://0.0.0.0:7000", "redis://[::]:7000"] {
            assert!(production.may_be(&url(same)), "{same}");
        }
        assert!(url("redis://a.invalid:1").may_be(&url("redis://A.invalid.:1")));
        assert!(!production.may_be(&url("redis://localhost:7001")));
        let one = url("rediss://:p0123456789abcdef@a.invalid:6380");
        assert!(one.may_be(&url("rediss://:p0123456789abcdef@b.invalid:6379")));
        assert!(!one.may_be(&url("rediss://:other0123456789ab@b.invalid:6380")));
    }
}
