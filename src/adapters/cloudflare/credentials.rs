//! Holds the credentials for Cloudflare: a token, or a key with an address.

use reqwest::header::{AUTHORIZATION, HeaderName};

use super::service::CLOUDFLARE;
use crate::adapters::json_api::{ApiError, Login};
use crate::secret::Secret;

/// An API token, or the account-wide key with the address of its owner.
#[derive(Debug, Clone)]
pub enum Credentials {
    Token(Secret),
    Key { key: Secret, email: String },
}

impl Credentials {
    /// # Errors
    /// If the value does not fit into a header.
    pub(super) fn login(&self) -> Result<Login, ApiError> {
        let (none, name) = (Login::none(), HeaderName::from_static);
        match self {
            Credentials::Token(token) => {
                // `Bearer ` before an empty token would not look empty.
                let bearer = match token.expose() {
                    "" => Secret::hidden(""),
                    token => Secret::hidden(format!("Bearer {token}")),
                };
                let login =
                    none.with(&CLOUDFLARE, AUTHORIZATION, &bearer, "Cloudflare's API token")?;
                Ok(login.and_hides([token.clone()]))
            }
            Credentials::Key { key, email } => {
                let (key_header, email_header) = (name("x-auth-key"), name("x-auth-email"));
                let email = Secret::hidden(email);
                let login =
                    none.with(&CLOUDFLARE, key_header, key, "Cloudflare's account-wide key")?;
                let what = "Cloudflare's e-mail address";
                let login = login.with(&CLOUDFLARE, email_header, &email, what)?;
                Ok(login.and_hides([key.clone()]))
            }
        }
    }

    pub fn describe(&self) -> &'static str {
        match self {
            Credentials::Token(_) => "API token",
            Credentials::Key { .. } => "account-wide key",
        }
    }
}
