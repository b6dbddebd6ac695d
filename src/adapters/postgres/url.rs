//! Reads a database URL as libpq does, with its defaults.

use std::path::{Path, PathBuf};

use super::{PostgresError, SslMode};
use crate::adapters::transport::percent_decoded;
use crate::secret::Secret;

/// Where a database is and how to log in.
#[derive(Debug, Clone)]
pub struct DatabaseUrl {
    pub host: Host,
    pub port: u16,
    pub database: String,
    pub user: String,
    pub password: Option<Secret>,
    pub ssl_mode: SslMode,
    pub ssl_root_certificate: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// The folder of a Unix socket.
    Socket(PathBuf),
    Name(String),
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Host::Socket(folder) => write!(f, "{}", folder.display()),
            Host::Name(name) => f.write_str(name),
        }
    }
}

/// What libpq reads from the environment if the URL does not say.
pub struct Defaults<'a> {
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    pub home: Option<&'a Path>,
    /// The default mode. Heroku's servers need encryption and cannot be verified; loopback needs
    /// none.
    pub ssl_mode: SslMode,
}

impl Defaults<'_> {
    fn non_empty(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }
}

impl DatabaseUrl {
    /// Whether the text has the scheme of a database URL.
    pub fn is_url(text: &str) -> bool {
        without_scheme(text).is_some()
    }

    /// Reads `postgres://` URLs and other spellings, for example `postgis://` and
    /// `postgresql+psycopg2://`. Errors never repeat the URL.
    pub fn parse(text: &str, defaults: &Defaults<'_>) -> Result<DatabaseUrl, PostgresError> {
        let mut parts = Parts::read(text)?;
        let port = match parts.take("port").or_else(|| defaults.non_empty("PGPORT")) {
            Some(port) => port.parse().map_err(|_| bad("the port is not a number"))?,
            None => 5432,
        };
        let user = parts
            .take("user")
            .or_else(|| defaults.non_empty("PGUSER"))
            .or_else(|| defaults.non_empty("USER"))
            .or_else(|| defaults.non_empty("LOGNAME"))
            .unwrap_or_else(|| "postgres".to_owned());
        let database = parts
            .take("dbname")
            .or_else(|| defaults.non_empty("PGDATABASE"))
            .unwrap_or_else(|| user.clone());
        let host = match parts.take("host").or_else(|| defaults.non_empty("PGHOST")) {
            Some(host) if host.starts_with('/') => Host::Socket(PathBuf::from(host)),
            Some(host) if host.contains(',') => {
                return Err(bad("it names several hosts, and bcops needs exactly one"));
            }
            Some(host) => Host::Name(host),
            None => default_host(port),
        };
        let ssl_mode = match parts.take("sslmode").or_else(|| defaults.non_empty("PGSSLMODE")) {
            Some(mode) => SslMode::parse(&mode)?,
            None => defaults.ssl_mode,
        };
        let ssl_root_certificate = parts
            .take("sslrootcert")
            .or_else(|| defaults.non_empty("PGSSLROOTCERT"))
            .map(PathBuf::from);
        let password = parts.take("password");
        parts.check_all_understood()?;
        let password = password
            .or_else(|| defaults.non_empty("PGPASSWORD"))
            .or_else(|| password_file(defaults, &host, port, &database, &user))
            .map(Secret::new);
        Ok(DatabaseUrl { host, port, database, user, password, ssl_mode, ssl_root_certificate })
    }

    /// Another database on the same server.
    pub fn with_database(&self, database: &str) -> DatabaseUrl {
        DatabaseUrl { database: database.to_owned(), ..self.clone() }
    }

    /// Host and port for messages, without user and password.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

fn bad(reason: &str) -> PostgresError {
    PostgresError::BadUrl(reason.to_owned())
}

/// Parameters that change neither the database nor the user: those of libpq, and those of Django's
/// database settings, which may be in the same URL.
const HARMLESS: &[&str] = &[
    "application_name",
    "channel_binding",
    "client_encoding",
    "conn_health_checks",
    "conn_max_age",
    "connect_timeout",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcompression",
    "sslsni",
    "tcp_user_timeout",
];

/// The first usual socket folder with this port's socket, else localhost.
fn default_host(port: u16) -> Host {
    ["/var/run/postgresql", "/tmp"]
        .into_iter()
        .map(PathBuf::from)
        .find(|folder| folder.join(format!(".s.PGSQL.{port}")).exists())
        .map_or_else(|| Host::Name("localhost".to_owned()), Host::Socket)
}

/// The text after the scheme, in a spelling of libpq, Django's settings or SQLAlchemy. `None` for
/// another URL.
fn without_scheme(text: &str) -> Option<&str> {
    const SCHEMES: [&str; 7] =
        ["postgres", "postgresql", "postgis", "pgsql", "psql", "timescale", "timescaledb"];
    let (scheme, rest) = text.trim_start().split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let (base, _driver) = scheme.split_once('+').unwrap_or((&scheme, ""));
    SCHEMES.contains(&base).then_some(rest)
}

/// The URL's parts under libpq's parameter names.
struct Parts(std::collections::HashMap<String, String>);

impl Parts {
    fn read(text: &str) -> Result<Parts, PostgresError> {
        let rest = without_scheme(text).ok_or_else(|| bad("it must begin with postgres://"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (host, port) = split_port(address)?;
        let mut parts = Parts(std::collections::HashMap::new());
        for (name, value) in [
            ("user", user),
            ("password", password),
            ("host", host),
            ("port", port),
            ("dbname", path),
        ] {
            parts.set(name, value)?;
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) =
                pair.split_once('=').ok_or_else(|| bad("a parameter after `?` has no value"))?;
            parts.set(&decode(name)?, value)?;
        }
        Ok(parts)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), PostgresError> {
        if !value.is_empty() {
            self.0.insert(name.to_owned(), decode(value)?);
        }
        Ok(())
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Accepts only parameters that are known to be harmless. An ignored parameter (`hostaddr`,
    /// `service`, `options`) could lead libpq and bcops to different databases.
    fn check_all_understood(&self) -> Result<(), PostgresError> {
        match self.0.keys().find(|name| !HARMLESS.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
                Err(bad(&format!("bcops does not support its parameter `{name}`")))
            }
        }
    }
}

fn split_port(address: &str) -> Result<(&str, &str), PostgresError> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, rest) =
            rest.split_once(']').ok_or_else(|| bad("the IPv6 address has no closing bracket"))?;
        return Ok((host, rest.strip_prefix(':').unwrap_or("")));
    }
    Ok(address.rsplit_once(':').unwrap_or((address, "")))
}

fn decode(text: &str) -> Result<String, PostgresError> {
    percent_decoded(text).ok_or_else(|| {
        bad("a percent sign is not followed by two hexadecimal digits, or it is not valid UTF-8 once decoded")
    })
}

/// `~/.pgpass` or `PGPASSFILE`: lines of host:port:database:user:password, `*` matching anything.
fn password_file(
    defaults: &Defaults<'_>,
    host: &Host,
    port: u16,
    database: &str,
    user: &str,
) -> Option<String> {
    let path = defaults
        .non_empty("PGPASSFILE")
        .map(PathBuf::from)
        .or_else(|| defaults.home.map(|home| home.join(".pgpass")))?;
    let text = std::fs::read_to_string(path).ok()?;
    let host = match host {
        Host::Socket(_) => "localhost",
        Host::Name(name) => name,
    };
    let wanted = [host.to_owned(), port.to_string(), database.to_owned(), user.to_owned()];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = split_password_line(line);
        let (password, patterns) = fields.split_last()?;
        let matches = patterns.len() == wanted.len()
            && patterns
                .iter()
                .zip(&wanted)
                .all(|(pattern, value)| pattern == "*" || pattern == value);
        matches.then(|| password.clone())
    })
}

fn split_password_line(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ':' if fields.len() < 5 => fields.push(String::new()),
            '\\' => fields.last_mut().into_iter().for_each(|field| field.extend(characters.next())),
            other => fields.last_mut().into_iter().for_each(|field| field.push(other)),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DatabaseUrl, PostgresError> {
        let defaults = Defaults {
            variable: &|name| (name == "USER").then(|| "ada".to_owned()),
            home: None,
            ssl_mode: SslMode::Disable,
        };
        DatabaseUrl::parse(text, &defaults)
    }

    #[test]
    fn parts_are_found_and_decoded() {
        let url = parse("postgres://u%40x:p%3Aw@db.example:6543/my%20db?sslmode=require").unwrap();
        assert_eq!(url.user, "u@x");
        assert_eq!(url.password.as_ref().unwrap().expose(), "p:w");
        assert_eq!(url.host, Host::Name("db.example".to_owned()));
        assert_eq!(url.port, 6543);
        assert_eq!(url.database, "my db");
        assert_eq!(url.ssl_mode, SslMode::Require);
        assert!(!format!("{url:?}").contains("p:w"));
    }

    #[test]
    fn missing_parts_are_filled_as_in_libpq() {
        let url = parse("postgres:///bc").unwrap();
        assert_eq!((url.user.as_str(), url.database.as_str(), url.port), ("ada", "bc", 5432));
        let url = parse("postgresql:///bc?host=/run/x&port=99").unwrap();
        assert_eq!((url.host, url.port), (Host::Socket("/run/x".into()), 99));
        let url = parse("postgres://[::1]:5433/x").unwrap();
        assert_eq!((url.host, url.port), (Host::Name("::1".to_owned()), 5433));
        let url = parse("postgres://%2Frun%2Fx/bc").unwrap();
        assert_eq!(url.host, Host::Socket("/run/x".into()));
    }

    #[test]
    fn parameters_that_change_nothing_are_accepted() {
        let url = parse("postgres://h/d?connect_timeout=5&application_name=x&conn_max_age=600");
        assert_eq!(url.unwrap().host, Host::Name("h".to_owned()));
        let error = parse("postgres://h/d?hostaddr=192.0.2.7").unwrap_err().to_string();
        assert!(error.contains("`hostaddr`"), "{error}");
    }

    #[test]
    fn a_refused_url_is_never_shown() {
        for text in [
            "mysql://secret@x/y",
            "postgres://h:port/d",
            "postgres://h/%zz",
            "postgres://h/%4",
            "postgres://h/d?sslmode=secret",
            "postgres://[::1/x",
            "postgres://a,b/x",
            "postgres://h/d?x",
            "postgres://h/d?hostaddr=192.0.2.7",
            "postgres://h/d?service=production",
            "postgres://h/d?options=-crole%3Dx",
            "postgres://h/d?HOST=other",
            "postgres://h/d?%68ostaddr=192.0.2.7",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(!error.contains("secret@"), "{error}");
        }
    }

    #[test]
    fn password_lines_may_hold_escaped_colons() {
        assert_eq!(split_password_line(r"h\:1:*:db:me:p\\w:x"), ["h:1", "*", "db", "me", r"p\w:x"]);
    }
}
