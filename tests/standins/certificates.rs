//! Makes good and bad certificates of every kind for hosts on loopback.

use std::sync::Arc;

use jiff::{Span, Timestamp, tz::TimeZone};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Through an intermediate certificate, which is sent too.
    Good,
    /// Valid for this many days.
    Ends(i64),
    Expired,
    NotYet,
    WrongName,
    SelfSigned,
    /// From an untrusted authority, with its certificate.
    Stranger,
    /// The intermediate certificate is not sent.
    Incomplete,
}

/// An authority that the tests' clients trust, an intermediate one, and an untrusted one.
pub struct Authorities {
    trusted: Issuer<'static, KeyPair>,
    between: (Issuer<'static, KeyPair>, CertificateDer<'static>),
    stranger: (Issuer<'static, KeyPair>, CertificateDer<'static>),
    /// For `SSL_CERT_FILE`.
    pub trusted_pem: String,
}

fn authority(name: &str) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::new([]).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    (params, KeyPair::generate().expect("a key"))
}

impl Authorities {
    pub fn new() -> Authorities {
        let (params, key) = authority("Trusted Root");
        let trusted_pem = params.self_signed(&key).expect("signed").pem();
        let trusted = Issuer::new(params, key);
        let (params, key) = authority("Trusted Intermediate");
        let certificate = params.signed_by(&key, &trusted).expect("signed").der().clone();
        let between = (Issuer::new(params, key), certificate);
        let (params, key) = authority("Stranger");
        let certificate = params.self_signed(&key).expect("signed").der().clone();
        let stranger = (Issuer::new(params, key), certificate);
        Authorities { trusted, between, stranger, trusted_pem }
    }

    pub fn issue(&self, host: &str, kind: Kind) -> Arc<CertifiedKey> {
        let name = if kind == Kind::WrongName { "elsewhere.example" } else { host };
        let mut params = CertificateParams::new([name.to_owned()]).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        let (from, until): (i64, i64) = match kind {
            Kind::Expired => (-60, -2),
            Kind::NotYet => (2, 60),
            Kind::Ends(days) => (-10, days),
            _ => (-10, 80),
        };
        // One day more, so that at least this many whole days are left.
        let [from, until] = [from, until].map(|days| {
            let now = Timestamp::now().to_zoned(TimeZone::UTC);
            let date = now.checked_add(Span::new().days(days + 1)).expect("a date").date();
            date_time_ymd(date.year().into(), date.month() as u8, date.day() as u8)
        });
        (params.not_before, params.not_after) = (from, until);
        let key = KeyPair::generate().expect("a key");
        let (certificate, others) = match kind {
            Kind::SelfSigned => (params.self_signed(&key).expect("signed"), Vec::new()),
            Kind::Stranger => {
                let (issuer, own) = &self.stranger;
                (params.signed_by(&key, issuer).expect("signed"), vec![own.clone()])
            }
            Kind::Incomplete => {
                (params.signed_by(&key, &self.between.0).expect("signed"), Vec::new())
            }
            Kind::Good => {
                let (issuer, own) = &self.between;
                (params.signed_by(&key, issuer).expect("signed"), vec![own.clone()])
            }
            _ => (params.signed_by(&key, &self.trusted).expect("signed"), Vec::new()),
        };
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a private key");
        let private = aws_lc_rs::sign::any_supported_type(&private).expect("a signing key");
        let chain = [vec![certificate.der().clone()], others].concat();
        Arc::new(CertifiedKey::new(chain, private))
    }
}
