//! Hides values that must never be shown.
//!
//! `Debug` and `Display` of a [`Secret`] print a placeholder, so a secret in a log line, an error
//! or a JSON document stays hidden. Only [`Secret::expose`] returns the value: search for it to
//! audit every use.
//!
//! Others may repeat a secret, for example a server that quotes its URL. Every [`Secret`] therefore
//! registers its value with the redactor of this process, and [`redacted`] removes it from texts.

mod forms;
mod patterns;
mod registry;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

pub use patterns::without_matches;
pub use registry::redacted;

/// The text that replaces a secret.
pub const PLACEHOLDER: &str = "[secret]";

/// A token, a database URL, a signed URL or a key.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// A completely secret value. The password and the query of a URL are also hidden on their own.
    pub fn new(value: impl Into<String>) -> Self {
        let value = value.into();
        registry::register(forms::of_secret(&value));
        Secret::hidden(value)
    }

    /// A setting that may be a URL: its password, its token and its query are secret, but its host
    /// may appear in any text.
    pub fn url(value: impl Into<String>) -> Self {
        let value = value.into();
        registry::register(forms::within_url(&value));
        Secret::hidden(value)
    }

    /// The value of an app's variable. Most are ordinary words, such as a region or a host. The
    /// name shows which are secret.
    pub fn of_variable(name: &str, value: impl Into<String>) -> Self {
        match forms::names_a_secret(name) {
            true => Secret::new(value),
            false => Secret::url(value),
        }
    }

    /// A value that is not printed, but also not searched for in texts, because it may be an
    /// ordinary word: a path, a user name, a column of a person.
    pub fn hidden(value: impl Into<String>) -> Self {
        Secret(SecretString::from(value.into()))
    }

    /// The value itself, only to send it: never for a message, a log or an argument list.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PLACEHOLDER)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PLACEHOLDER)
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing() {
        let secret = Secret::new("HRKU-very-secret");
        assert_eq!(format!("{secret} {secret:?}"), "[secret] [secret]");
        assert_eq!(secret.expose(), "HRKU-very-secret");
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        Secret::new("pa/ss+w0rd-of-the-test");
        for said in [
            "wrong password pa/ss+w0rd-of-the-test",
            "GET /x?p=pa%2Fss%2Bw0rd-of-the-test",
            "cGEvc3MrdzByZC1vZi10aGUtdGVzdA==",
        ] {
            let clean = redacted(said);
            assert!(clean.contains(PLACEHOLDER), "{clean}");
            assert!(!clean.contains("w0rd") && !clean.contains("cGEvc3M"), "{clean}");
        }
    }

    #[test]
    fn the_password_of_a_url_is_secret_on_its_own() {
        Secret::url("redis://default:r3dis%21pass@cache.example:6379/0");
        assert_eq!(redacted("AUTH r3dis!pass at cache.example"), "AUTH [secret] at cache.example");
        // As in a Basic header.
        let basic = "ZGVmYXVsdDpyM2RpcyFwYXNz";
        assert_eq!(redacted(&format!("sent {basic}")), "sent [secret]");
    }

    #[test]
    fn ordinary_words_stay() {
        Secret::new("a");
        Secret::new("staging");
        Secret::new("20241130");
        Secret::hidden("/home/somebody/site-of-the-test");
        Secret::url("https://www.council.example");
        Secret::of_variable("AWS_REGION", "eu-west-2");
        Secret::of_variable("TOKEN_URL", "https://login.council.example/");
        Secret::of_variable("AWS_ACCESS_KEY_ID", "test-key-id-of-staging");
        let text = "https://login.council.example/: a staging of 20241130 in /home/somebody/site-of-the-test at \
            https://www.council.example in eu-west-2 with test-key-id-of-staging";
        assert_eq!(redacted(text), text);
        Secret::of_variable("DJANGO_SECRET_KEY", "a-long-key-of-django");
        assert_eq!(redacted("a-long-key-of-django"), PLACEHOLDER);
    }
}
