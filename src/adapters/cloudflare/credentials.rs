//! The two ways to log in.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::CloudflareError;
use crate::secret::Secret;

/// An API token, or the account-wide key with the address of its owner.
#[derive(Debug, Clone)]
pub enum Credentials {
    Token(Secret),
    Key { key: Secret, email: String },
}

impl Credentials {
    /// The headers of every request.
    ///
    /// # Errors
    /// Where the value holds something that a header cannot hold.
    pub(super) fn headers(&self) -> Result<HeaderMap, CloudflareError> {
        let mut headers = HeaderMap::new();
        match self {
            Credentials::Token(token) => {
                let value = format!("Bearer {}", token.expose());
                headers.insert(AUTHORIZATION, sensitive(&value, "API token")?);
            }
            Credentials::Key { key, email } => {
                let name = HeaderName::from_static;
                headers.insert(name("x-auth-key"), sensitive(key.expose(), "account-wide key")?);
                headers.insert(name("x-auth-email"), sensitive(email, "e-mail address")?);
            }
        }
        Ok(headers)
    }

    pub fn describe(&self) -> &'static str {
        match self {
            Credentials::Token(_) => "API token",
            Credentials::Key { .. } => "account-wide key",
        }
    }

    /// What a server says, without what it must not repeat.
    pub(super) fn redact(&self, text: &str) -> String {
        let secret = match self {
            Credentials::Token(secret) | Credentials::Key { key: secret, .. } => secret.expose(),
        };
        if secret.is_empty() { text.to_owned() } else { text.replace(secret, "[secret]") }
    }
}

fn sensitive(value: &str, what: &'static str) -> Result<HeaderValue, CloudflareError> {
    let usable = !value.is_empty() && value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let header = usable.then(|| HeaderValue::from_str(value).ok()).flatten();
    let mut header = header.ok_or(CloudflareError::InvalidCredentials { what })?;
    header.set_sensitive(true);
    Ok(header)
}
