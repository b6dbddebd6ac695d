//! Applies libpq's `sslmode` to rustls.
//!
//! `require` encrypts without verifying, as libpq does: the certificates of Heroku's servers have
//! no root that a client could know. With a root certificate `require` also verifies, as in libpq.
//! `sslrootcert=system` means the system's roots, as in libpq 16.

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
    /// Encrypts if the server can, without verifying.
    Prefer,
    /// Encrypts or fails, without verifying.
    Require,
    /// Encrypts and verifies the chain and the host's name. libpq's `verify-ca`, which does not
    /// check the name, becomes this stricter mode.
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

/// The word for the system's roots in place of a path.
const SYSTEM: &str = "system";

/// The TLS settings for a mode. TLS 1.2 is the oldest version in every mode.
///
/// # Errors
/// If the root certificate cannot be read.
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
    let is_verified = match mode {
        SslMode::VerifyFull => true,
        SslMode::Require => root_certificate.is_some(),
        SslMode::Disable | SslMode::Prefer => false,
    };
    if !is_verified {
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(EncryptOnly(provider)))
            .with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    match root_certificate.filter(|path| *path != Path::new(SYSTEM)) {
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

/// Accepts any certificate, but still requires a handshake signed by its key.
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

#[cfg(test)]
mod tests {
    use rustls::{ClientConnection, ServerConfig, ServerConnection};

    use super::*;

    const HOST: &str = "db.example";

    /// A server with a self-signed certificate, and that certificate as a file.
    fn server(folder: &Path) -> (Arc<ServerConfig>, std::path::PathBuf) {
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
        let path = folder.join("root.pem");
        std::fs::write(&path, made.cert.pem()).unwrap();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        (Arc::new(config), path)
    }

    /// Whether the client accepts the server.
    fn is_taken(
        mode: SslMode,
        host: &'static str,
        root: Option<&Path>,
        server: &Arc<ServerConfig>,
    ) -> bool {
        let config = client_config(mode, host, root).unwrap();
        let name = ServerName::try_from(host).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
        while client.is_handshaking() {
            let (mut there, mut back) = (Vec::new(), Vec::new());
            client.write_tls(&mut there).unwrap();
            server.read_tls(&mut there.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            while server.wants_write() {
                server.write_tls(&mut back).unwrap();
            }
            let mut back = back.as_slice();
            while !back.is_empty() {
                client.read_tls(&mut back).unwrap();
                if client.process_new_packets().is_err() {
                    return false;
                }
            }
        }
        true
    }

    #[test]
    fn a_given_root_certificate_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let (server_config, root) = server(folder.path());
        let other = folder.path().join("other");
        std::fs::create_dir(&other).unwrap();
        let (_, other_root) = server(&other);
        let taken = |mode, root| is_taken(mode, HOST, root, &server_config);
        // As with Heroku: encrypted, without checking who answers.
        assert!(taken(SslMode::Require, None));
        assert!(taken(SslMode::Prefer, None));
        for mode in [SslMode::Require, SslMode::VerifyFull] {
            assert!(taken(mode, Some(&root)), "{mode:?}");
            assert!(!taken(mode, Some(&other_root)), "{mode:?}");
            assert!(!taken(mode, Some(Path::new("system"))), "{mode:?}");
            assert!(!is_taken(mode, "else.example", Some(&root), &server_config), "{mode:?}");
        }
        assert!(!taken(SslMode::VerifyFull, None));
        let missing = client_config(SslMode::Require, HOST, Some(Path::new("/no/such/file")));
        assert!(matches!(missing, Err(PostgresError::Tls { .. })));
    }
}
