//! How `check` gets to a site's hosts.

use std::net::SocketAddr;
use std::str::FromStr;

use thiserror::Error;

use super::layers::{Layers, RawValue, Sourced};
use super::{HostName, SettingsError};

/// How `check` gets to a site's hosts.
#[derive(Debug, Clone, Default)]
pub struct Check {
    /// The DNS server to ask. `None` is the system's.
    pub dns_server: Option<SocketAddr>,
    pub connect: Vec<ConnectTo>,
}

/// One entry of `check.connect`: who asks for this host and port is connected to this address.
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
    pub(super) fn build(layers: &Layers) -> Result<Check, SettingsError> {
        let bad = |key: &str, value: &str, reason: String, origin: String| {
            let (key, value) = (format!("check.{key}"), value.to_owned());
            SettingsError::BadValue { origin, key, value, reason }
        };
        let dns_server = match layers.get(&["check", "dns_server"]) {
            Some(Sourced { value: RawValue::Text(text), origin }) => {
                let reason = "write an address with a port, for example \"1.1.1.1:53\"";
                let address = text.parse();
                let address = address
                    .map_err(|_| bad("dns_server", text, reason.to_owned(), origin.to_string()))?;
                Some(address)
            }
            _ => None,
        };
        let mut connect = Vec::new();
        if let Some(Sourced { value: RawValue::TextList(items), origin }) =
            layers.get(&["check", "connect"])
        {
            for item in items {
                let one = item.parse().map_err(|error: BadConnectTo| {
                    bad("connect", item, error.to_string(), origin.to_string())
                })?;
                connect.push(one);
            }
        }
        Ok(Check { dns_server, connect })
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
