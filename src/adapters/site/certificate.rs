//! Reads a server's certificate, and finds why a browser would not trust it.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

/// The content of a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    /// The host names of the certificate.
    pub names: Vec<String>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// The subjects of all certificates that the server sent, including this one.
    pub chain: Vec<String>,
    is_self_issued: bool,
}

/// Why a browser would not trust the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsProblem {
    Expired,
    NotYetValid,
    WrongName {
        names: Vec<String>,
    },
    SelfSigned,
    /// `alone`: the server sent no other certificate, so an intermediate one may be missing.
    Untrusted {
        issuer: String,
        alone: bool,
    },
    Other {
        reason: String,
    },
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsProblem::Expired => write!(f, "the certificate has expired"),
            TlsProblem::NotYetValid => write!(f, "the certificate is not valid yet"),
            TlsProblem::WrongName { names } => {
                let names = if names.is_empty() { "no host".to_owned() } else { names.join(", ") };
                write!(f, "the certificate is for {names}")
            }
            TlsProblem::SelfSigned => write!(f, "the certificate is self-signed"),
            TlsProblem::Untrusted { issuer, alone: false } => {
                write!(f, "the certificate comes from {issuer}, which this machine does not trust")
            }
            TlsProblem::Untrusted { issuer, alone: true } => write!(
                f,
                "the certificate comes from {issuer}, which this machine does not trust, and the \
                 server sends no intermediate certificate: its chain may be incomplete"
            ),
            TlsProblem::Other { reason } => write!(f, "the certificate is not valid: {reason}"),
        }
    }
}

impl Certificate {
    /// Reads the first of these certificates. `None` if it cannot be read.
    pub(super) fn read(chain: &[CertificateDer<'_>]) -> Option<Certificate> {
        let all: Vec<x509_cert::Certificate> =
            chain.iter().map_while(|one| x509_cert::Certificate::from_der(one).ok()).collect();
        let own = &all.first()?.tbs_certificate;
        let names = own.get::<SubjectAltName>().ok().flatten();
        let names = names.map(|(_, names)| names.0).unwrap_or_default();
        Some(Certificate {
            subject: readable(&own.subject),
            issuer: readable(&own.issuer),
            names: names.iter().filter_map(name_of).collect(),
            not_before: timestamp(own.validity.not_before.to_unix_duration())?,
            not_after: timestamp(own.validity.not_after.to_unix_duration())?,
            chain: all.iter().map(|one| readable(&one.tbs_certificate.subject)).collect(),
            is_self_issued: own.subject == own.issuer,
        })
    }

    /// The days until it expires. 0 if it has expired.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        (self.not_after.as_second() - now.as_second()).max(0) / 86_400
    }

    /// All problems of the certificate for this host, not only the first.
    pub(super) fn problems(
        &self,
        chain: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        roots: &RootCertStore,
        now: Timestamp,
    ) -> Vec<TlsProblem> {
        let mut problems = Vec::new();
        if now > self.not_after {
            problems.push(TlsProblem::Expired);
        }
        if now < self.not_before {
            problems.push(TlsProblem::NotYetValid);
        }
        let Some((own, others)) = chain.split_first() else { return problems };
        let parsed = match ParsedCertificate::try_from(own) {
            Ok(parsed) => parsed,
            Err(error) => {
                problems.push(TlsProblem::Other { reason: error.to_string() });
                return problems;
            }
        };
        if verify_server_name(&parsed, host).is_err() {
            problems.push(TlsProblem::WrongName { names: self.names.clone() });
        }
        // Checks trust at a time when the certificate was valid, because an expired certificate may
        // also be untrusted.
        let when = now.max(self.not_before).min(self.not_after);
        let when = Duration::from_secs(u64::try_from(when.as_second()).unwrap_or_default());
        let trusted = verify_server_cert_signed_by_trust_anchor(
            &parsed,
            roots,
            others,
            UnixTime::since_unix_epoch(when),
            aws_lc_rs::default_provider().signature_verification_algorithms.all,
        );
        if let Err(error) = trusted {
            problems.push(self.distrust(&error, others.is_empty()));
        }
        problems
    }

    fn distrust(&self, error: &Error, alone: bool) -> TlsProblem {
        match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) if self.is_self_issued => {
                TlsProblem::SelfSigned
            }
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                TlsProblem::Untrusted { issuer: self.issuer.clone(), alone }
            }
            // An authority's own certificate is refused for a server before its issuer is checked.
            _ if self.is_self_issued => TlsProblem::SelfSigned,
            other => TlsProblem::Other { reason: other.to_string() },
        }
    }
}

fn timestamp(since_epoch: Duration) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(since_epoch.as_secs()).ok()?).ok()
}

fn name_of(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(printable(name.as_str())),
        GeneralName::IpAddress(bytes) => match bytes.as_bytes() {
            bytes if bytes.len() == 4 => {
                Some(std::net::IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?).to_string())
            }
            bytes => Some(std::net::IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string()),
        },
        _ => None,
    }
}

/// The common name, or the whole name if there is none.
fn readable(name: &Name) -> String {
    let text = name.to_string();
    let common = text.split(',').find_map(|part| part.trim().strip_prefix("CN="));
    match common {
        Some(common) => printable(common),
        None if text.is_empty() => "an unnamed subject".to_owned(),
        None => printable(&text),
    }
}

/// Cleans text of a stranger for a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
