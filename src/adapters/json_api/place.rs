//! Decides where a service is, and whether its token may go there.

use url::Url;

use super::error::{ApiError, ErrorKind, Reason};
use super::service::Service;
use crate::adapters::transport::is_private;

/// Host and port, for messages.
pub fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Reads the base URL of a service's endpoints. `setting` is the source of the text.
///
/// # Errors
/// If the text is not a URL, holds more than a place, or is not encrypted.
pub fn base(service: &'static Service, setting: &str, text: &str) -> Result<Url, ApiError> {
    let unusable = |reason: &str| {
        let reason = format!("{reason}; set it to a URL with scheme and host");
        ApiError::before_any(service, setting, Reason::new(ErrorKind::Unusable, reason))
    };
    let url = Url::parse(text).map_err(|error| unusable(&error.to_string()))?;
    if url.cannot_be_a_base() || url.host_str().is_none_or(str::is_empty) {
        return Err(unusable("it has no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable("it holds a user name or a password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(unusable("it has a query or a fragment"));
    }
    match is_private(&url) {
        true => Ok(url),
        false => {
            let reason = Reason::new(ErrorKind::Unencrypted, "");
            Err(ApiError::before_any(service, setting, reason))
        }
    }
}
