//! Reads how `check` reaches a site's hosts.

use std::net::SocketAddr;
use std::str::FromStr;

use thiserror::Error;

use super::layers::Layers;
use super::{HostName, SettingsError, keys};

/// How `check` reaches a site's hosts.
#[derive(Debug, Clone, Default)]
pub struct Check {
    /// The DNS server to ask. `None` means the system's.
    pub dns_server: Option<SocketAddr>,
    pub connect: Vec<ConnectTo>,
}

/// One entry of `check.connect`: connections to this host and port go to this address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectTo {
    pub host: HostName,
    pub port: u16,
    pub address: SocketAddr,
}

#[derive(Debug, Error)]
#[error("write HOST:PORT=ADDRESS:PORT, for example \"www.example.org:443=127.0.0.1:8443\"")]
pub struct BadConnectTo;

impl FromStr for ConnectTo {
    type Err = BadConnectTo;

    fn from_str(text: &str) -> Result<ConnectTo, BadConnectTo> {
        let (from, to) = text.split_once('=').ok_or(BadConnectTo)?;
        let (host, port) = from.trim().rsplit_once(':').ok_or(BadConnectTo)?;
        Ok(ConnectTo {
            host: host.parse().map_err(|_| BadConnectTo)?,
            port: port.parse().map_err(|_| BadConnectTo)?,
            address: to.trim().parse().map_err(|_| BadConnectTo)?,
        })
    }
}

impl Check {
    pub(super) fn read(layers: &Layers) -> Result<Check, SettingsError> {
        Ok(Check {
            dns_server: keys::CHECK_DNS_SERVER.given(layers)?.map(|found| found.value),
            connect: keys::CHECK_CONNECT.value(layers)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_connect() {
        let one: ConnectTo = "WWW.a.uk:443=[::1]:8443".parse().unwrap();
        assert_eq!((one.host.as_str(), one.port), ("www.a.uk", 443));
        assert_eq!(one.address, "[::1]:8443".parse().unwrap());
        for bad in
            ["", "a.uk:443", "a.uk=127.0.0.1:1", "a.uk:443=localhost:1", "a.uk:443=127.0.0.1"]
        {
            assert!(bad.parse::<ConnectTo>().is_err(), "{bad}");
        }
    }
}
