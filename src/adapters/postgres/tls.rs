//! libpq's `sslmode` on rustls.
//!
//! `require` encrypts without verifying, as libpq does: Heroku's servers present certificates that
//! chain to nothing a client could know.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::PostgresError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    Disable,
    /// Encrypts where the server can, without verifying.
    Prefer,
    /// Encrypts or fails, without verifying.
    Require,
    /// Encrypts and verifies the chain and the host's name. libpq's `verify-ca`, which does not
    /// check the name, is treated as this stricter mode.
    VerifyFull,
}

impl SslMode {
    pub fn parse(text: &str) -> Result<SslMode, PostgresError> {
        match text {
            "disable" => Ok(SslMode::Disable),
            "allow" | "prefer" => Ok(SslMode::Prefer),
            "require" => Ok(SslMode::Require),
            "verify-ca" | "verify-full" => Ok(SslMode::VerifyFull),
            _ => Err(PostgresError::BadUrl(
                "sslmode must be disable, prefer, require, verify-ca or verify-full".to_owned(),
            )),
        }
    }
}

/// The TLS settings for a mode; a root certificate is used by `VerifyFull` only.
pub fn client_config(
    mode: SslMode,
    host: &str,
    root_certificate: Option<&Path>,
) -> Result<ClientConfig, PostgresError> {
    let fail = |reason: String| PostgresError::Tls { host: host.to_owned(), reason };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| fail(error.to_string()))?;
    if mode != SslMode::VerifyFull {
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(EncryptOnly(provider)))
            .with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    match root_certificate {
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(path)
                .map_err(|error| fail(format!("{}: {error}", path.display())))?;
            for certificate in certificates {
                let certificate =
                    certificate.map_err(|error| fail(format!("{}: {error}", path.display())))?;
                roots.add(certificate).map_err(|error| fail(error.to_string()))?;
            }
        }
        None => {
            for certificate in rustls_native_certs::load_native_certs().certs {
                // A broken certificate in the system's store only makes its issuer unknown.
                let _ = roots.add(certificate);
            }
        }
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Accepts any certificate, but still wants the handshake signed by its key.
#[derive(Debug)]
struct EncryptOnly(Arc<CryptoProvider>);

impl ServerCertVerifier for EncryptOnly {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
