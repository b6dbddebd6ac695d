//! Decides whether two URLs may mean the same database.
//!
//! Names alone are not enough: a copied config var, an IP address or a tunnel may lead to the same
//! server. So addresses are resolved and compared.

use std::collections::BTreeSet;
use std::net::{IpAddr, ToSocketAddrs};

use super::DatabaseUrl;
use super::url::Host;
use crate::adapters::transport::reached;

/// The identity of a database, as far as a client knows it without logging in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseIdentity {
    addresses: BTreeSet<IpAddr>,
    names: BTreeSet<String>,
    loopback: bool,
    port: u16,
    database: String,
    user: String,
}

impl DatabaseIdentity {
    /// Resolves the host. A name that does not resolve is compared as a name.
    pub fn of(url: &DatabaseUrl) -> DatabaseIdentity {
        let mut identity = DatabaseIdentity {
            addresses: BTreeSet::new(),
            names: BTreeSet::new(),
            loopback: false,
            port: url.port,
            database: url.database.clone(),
            user: url.user.clone(),
        };
        match &url.host {
            Host::Socket(_) => identity.loopback = true,
            Host::Name(name) => {
                identity.names.insert(name.trim_end_matches('.').to_ascii_lowercase());
                let plain = name.trim_end_matches('.');
                if let Ok(found) = (plain, url.port).to_socket_addrs() {
                    identity.addresses.extend(found.map(|address| reached(address.ip())));
                }
                identity.loopback = !identity.addresses.is_empty()
                    && identity.addresses.iter().all(IpAddr::is_loopback);
            }
        }
        identity
    }

    /// A Unix socket, or a name that resolves to loopback addresses only.
    pub fn is_on_this_machine(&self) -> bool {
        self.loopback
    }

    /// Whether both may be the same database. In doubt the answer is yes: all sockets and loopback
    /// addresses count as one host, and the same generated user and database name count as the same
    /// database at any address, because that may be a tunnel.
    pub fn may_be(&self, other: &DatabaseIdentity) -> bool {
        if self.database != other.database {
            return false;
        }
        let same_host = (self.loopback && other.loopback)
            || !self.names.is_disjoint(&other.names)
            || !self.addresses.is_disjoint(&other.addresses);
        let same_login = self.user == other.user && looks_generated(&self.user);
        (same_host && self.port == other.port) || same_login
    }
}

/// Whether Heroku generated the user name: a letter and at least a dozen random characters.
/// `postgres`, `root` and people's names prove nothing.
fn looks_generated(user: &str) -> bool {
    user.len() >= 12
        && user.bytes().any(|byte| byte.is_ascii_digit())
        && user.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::{Defaults, SslMode};
    use super::*;

    fn identity(text: &str) -> DatabaseIdentity {
        let defaults = Defaults { variable: &|_| None, home: None, ssl_mode: SslMode::Disable };
        DatabaseIdentity::of(&DatabaseUrl::parse(text, &defaults).unwrap())
    }

    #[test]
    fn spellings_of_one_database_are_equal() {
        let production = identity("postgres://u:p@127.0.0.1:5432/bc");
        for other in [
            "postgres://x@localhost/bc",
            "postgres://x@[::1]/bc",
            "postgres:///bc?host=/var/run/postgresql",
            "postgres://127.0.0.2:5432/bc",
            "postgres://0.0.0.0:5432/bc",
            "postgres://[::]:5432/bc",
            "postgres://[::ffff:127.0.0.1]/bc",
        ] {
            assert!(production.may_be(&identity(other)), "{other}");
        }
        for other in [
            "postgres://127.0.0.1:5433/bc",
            "postgres://127.0.0.1/other",
            "postgres://192.0.2.7/bc",
        ] {
            assert!(!production.may_be(&identity(other)), "{other}");
        }
    }

    #[test]
    fn a_tunnel_is_recognized_by_its_login() {
        let production = identity("postgres://u8q2k5lexample1:p@192.0.2.7:5432/d8abc");
        assert!(production.may_be(&identity("postgres://u8q2k5lexample1:p@localhost:6000/d8abc")));
        assert!(!production.may_be(&identity("postgres://postgres:p@localhost:6000/d8abc")));
    }

    #[test]
    fn only_loopback_is_this_machine() {
        assert!(identity("postgres://127.0.0.1/x").is_on_this_machine());
        assert!(identity("postgres:///x?host=/tmp").is_on_this_machine());
        assert!(!identity("postgres://192.0.2.7/x").is_on_this_machine());
        assert!(!identity("postgres://no-such-host.invalid/x").is_on_this_machine());
    }
}
