//! Reads host names, and the mapping of hosts between environments.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest name in DNS. A Site record has room for 255.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A host name in lower case, without a final dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadMapping {
    #[error("write FROM=TO, FROM=TO:PORT or *.SUFFIX=*.SUFFIX")]
    Form,
    #[error("`{0}` is not a host name")]
    HostName(String),
    #[error("`{0}` is not a port")]
    Port(String),
    #[error("write `*.` on both sides or on neither, because several sites cannot share one host")]
    HalfWildcard,
}

impl HostName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first dot.
    pub fn first_label(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// `LABEL.` before this name.
    pub fn below(&self, label: &str) -> Result<HostName, BadMapping> {
        format!("{label}.{}", self.0).parse()
    }
}

impl FromStr for HostName {
    type Err = BadMapping;

    fn from_str(text: &str) -> Result<Self, BadMapping> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= LONGEST_LABEL
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if name.len() > LONGEST_NAME || !name.split('.').all(is_label) {
            return Err(BadMapping::HostName(text.to_owned()));
        }
        Ok(HostName(name))
    }
}

impl TryFrom<String> for HostName {
    type Error = BadMapping;

    fn try_from(text: String) -> Result<Self, BadMapping> {
        text.parse()
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> String {
        name.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One entry of `reset.hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostMapping {
    /// Whether it maps every name below `from`, and not `from` itself.
    wildcard: bool,
    from: HostName,
    to: HostName,
    port: Option<u16>,
}

impl HostMapping {
    pub fn is_from_the_same(&self, other: &HostMapping) -> bool {
        self.wildcard == other.wildcard && self.from == other.from
    }

    /// The new host, and the port if the mapping has one. `None` if the mapping does not apply.
    pub fn apply(&self, host: &HostName) -> Option<(HostName, Option<u16>)> {
        if !self.wildcard {
            return (*host == self.from).then(|| (self.to.clone(), self.port));
        }
        let label = host.0.strip_suffix(self.from.as_str())?.strip_suffix('.')?;
        Some((self.to.below(label).ok()?, self.port))
    }

    /// Ranks mappings: exact before wildcard, and a longer suffix before a shorter one.
    pub fn closeness(&self) -> (bool, usize) {
        (!self.wildcard, self.from.0.len())
    }
}

impl FromStr for HostMapping {
    type Err = BadMapping;

    fn from_str(text: &str) -> Result<Self, BadMapping> {
        let (from, to) = text.split_once('=').ok_or(BadMapping::Form)?;
        let (from, to) = (from.trim(), to.trim());
        let (to, port) = match to.split_once(':') {
            Some((host, port)) => (host, Some(read_port(port)?)),
            None => (to, None),
        };
        let (wildcard, from, to) = match (from.strip_prefix("*."), to.strip_prefix("*.")) {
            (Some(from), Some(to)) => (true, from, to),
            (None, None) => (false, from, to),
            _ => return Err(BadMapping::HalfWildcard),
        };
        Ok(HostMapping { wildcard, from: from.parse()?, to: to.parse()?, port })
    }
}

fn read_port(text: &str) -> Result<u16, BadMapping> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(BadMapping::Port(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(mapping: &str, host: &str) -> Option<(String, Option<u16>)> {
        let mapping: HostMapping = mapping.parse().unwrap();
        mapping.apply(&host.parse().unwrap()).map(|(host, port)| (host.0, port))
    }

    #[test]
    fn exact_and_wildcard_mappings() {
        let to = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(applied("www.a.uk = B.net", "WWW.a.uk."), to("b.net", None));
        assert_eq!(applied("www.a.uk=b.net:8443", "www.a.uk"), to("b.net", Some(8443)));
        assert_eq!(applied("www.a.uk=b.net", "x.www.a.uk"), None);
        assert_eq!(applied("*.a.uk=*.b.net", "x.y.a.uk"), to("x.y.b.net", None));
        assert_eq!(applied("*.a.uk=*.b.net:80", "x.a.uk"), to("x.b.net", Some(80)));
        assert_eq!(applied("*.a.uk=*.b.net", "a.uk"), None);
        assert_eq!(applied("*.a.uk=*.b.net", "xa.uk"), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "=",
            "a.uk",
            "a.uk=",
            "=b.net",
            "a.uk=b.net:",
            "a.uk=b.net:0",
            "a.uk=b.net:70000",
            "a.uk=https://b.net",
            "*.a.uk=b.net",
            "a.uk=*.b.net",
            "a*.uk=b.net",
            "a..uk=b.net",
            "-a.uk=b.net",
            "a.uk=b c.net",
            "a.uk=b.net/x",
            "*.=*.b",
            "a=b=c",
            "é.uk=b.net",
        ] {
            assert!(text.parse::<HostMapping>().is_err(), "{text:?}");
        }
        let long = format!("{}=b", "a".repeat(64));
        assert!(long.parse::<HostMapping>().is_err());
    }

    #[test]
    fn a_wildcard_that_makes_a_name_too_long_does_not_apply() {
        let label = "a".repeat(63);
        let host = format!("{label}.{label}.{label}.x");
        assert_eq!(applied(&format!("*.x=*.{label}.net"), &host), None);
    }
}
