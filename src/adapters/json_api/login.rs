//! Holds the headers of a login, and the secrets in them.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::error::{ApiError, ErrorKind, Reason};
use super::service::Service;
use crate::secret::{PLACEHOLDER, Secret, redacted};

/// The longest text of a server that is kept.
const LONGEST_MESSAGE: usize = 500;

/// The login of every request of a client.
#[derive(Debug, Clone, Default)]
pub struct Login {
    headers: HeaderMap,
    /// Secrets that a server may quote, including passwords that are too ordinary for the process's
    /// own redactor.
    secrets: Vec<Secret>,
}

impl Login {
    pub fn none() -> Login {
        Login::default()
    }

    /// Adds a header. `what` is the credential's name, for errors, which never repeat it.
    ///
    /// # Errors
    /// If the value is empty, or does not fit into a header.
    pub fn with(
        mut self,
        service: &'static Service,
        header: HeaderName,
        value: &Secret,
        what: &str,
    ) -> Result<Login, ApiError> {
        let header_value = HeaderValue::from_str(value.expose()).ok();
        let mut header_value = header_value.filter(|value| !value.is_empty()).ok_or_else(|| {
            ApiError::before_any(service, what, Reason::new(ErrorKind::Credentials, ""))
        })?;
        header_value.set_sensitive(true);
        self.headers.insert(header, header_value);
        Ok(self)
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Adds secrets that are parts of a header and may be quoted alone.
    pub fn and_hides(mut self, secrets: impl IntoIterator<Item = Secret>) -> Login {
        self.secrets.extend(secrets);
        // Longer secrets first: a secret that contains another would otherwise be removed only in
        // part.
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        self
    }

    /// Cleans a server's words for people: one line of bounded length, without the credentials, and
    /// without URLs that hold credentials or a signature.
    pub fn plain(&self, said: &str) -> String {
        let is_secret = |word: &str| word.contains("://") && word.contains(['@', '?']);
        let words = said.split_whitespace();
        let words: Vec<&str> =
            words.map(|word| if is_secret(word) { PLACEHOLDER } else { word }).collect();
        let mut text = words.join(" ");
        // A single letter is not a secret, and removing it would destroy every text.
        for secret in self.secrets.iter().map(Secret::expose).filter(|secret| secret.len() > 1) {
            text = text.replace(secret, PLACEHOLDER);
        }
        redacted(&text).chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(secret: &str) -> Login {
        Login::none().and_hides([Secret::hidden(secret)])
    }

    #[test]
    fn words_of_a_server_lose_their_secrets() {
        let said =
            "bad\ntoken HRKU-1 for postgres://u:p@h/d and https://s3/x?X-Amz=1, see https://h/doc";
        let kept = login("HRKU-1").plain(said);
        assert_eq!(kept, "bad token [secret] for [secret] and [secret] see https://h/doc");
        assert!(login("").plain(&"x".repeat(9000)).len() <= 500);
    }

    #[test]
    fn words_of_a_server_become_one_line_without_the_token() {
        assert_eq!(login("glpat-x").plain("bad\n\u{7}token 'glpat-x'"), "bad token '[secret]'");
        let said = "Invalid request headers (6003), Invalid format: cf-secret (6111)";
        assert!(!login("cf-secret").plain(said).contains("cf-secret"));
    }
}
