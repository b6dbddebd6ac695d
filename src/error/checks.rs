//! The exit codes of what keeps sites from being looked at at all.

use crate::adapters::site::SiteError;
use crate::failure::{CommandError, FailureKind};

impl From<SiteError> for CommandError {
    fn from(error: SiteError) -> Self {
        let hint = match &error {
            SiteError::Resolver(_) => {
                "set check.dns_server in bcops.toml, for example to \"1.1.1.1:53\""
            }
            SiteError::Tls(_) => "see whether SSL_CERT_FILE and SSL_CERT_DIR are right",
        };
        CommandError::wrap(FailureKind::Configuration, error).hint(hint)
    }
}
