//! Keeps secrets out of journals, plans and reports.
//!
//! The first defence is the type: a [`Secret`] cannot be serialised. This is the second, for
//! secrets that come back in somebody else's words, such as a server's error that quotes the URL it
//! was called with: what a step hands over to be kept is refused, and what is a message is cleaned.

use std::sync::{LazyLock, PoisonError, RwLock};

use regex::{Captures, Regex};
use serde_json::Value;

use crate::secret::Secret;

const PLACEHOLDER: &str = "[secret]";

/// Shorter ones are words that turn up by chance, and cleaning would shred every text.
const SHORTEST: usize = 6;

/// Everything that follows `kept` in a match is a secret.
static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // A password in a URL. It may hold slashes and at signs, so that the last one counts.
        r#"(?P<kept>[A-Za-z][A-Za-z0-9+.-]*://[^\s/@:"'?#]*:)[^\s"'<>]*@"#,
        // What makes a signed URL valid, and tokens in queries.
        r#"(?i)(?P<kept>[?&](?:X-Amz-(?:Signature|Credential|Security-Token)|AWSAccessKeyId|Signature|sig|auth|authorization|[\w.%-]*(?:token|secret|passw|passphrase|api_?key|access_?key|private_?key|credential)[\w.%-]*)=)[^&\s"'<>]+"#,
        r"(?i)(?P<kept>\b(?:bearer|basic) )[A-Za-z0-9+/=._~-]{12,}",
        r"(?P<kept>\bhooks\.slack\.com/services/)[A-Za-z0-9/_-]+",
        r"(?P<kept>)\bHRKU-[A-Za-z0-9_-]{8,}",
        r"(?P<kept>)\bgl(?:pat|ptt|cbt|dt)-[A-Za-z0-9_.-]{8,}",
        r"(?P<kept>)\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"(?P<kept>)\bpbkdf2_sha256\$[^\s]+",
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// Knows the run's secrets and the look of others.
#[derive(Debug, Default)]
pub struct Redactor {
    known: RwLock<Vec<Secret>>,
}

impl Redactor {
    pub fn new() -> Self {
        Redactor::default()
    }

    /// From now on, the secret is found wherever it turns up.
    pub fn register(&self, secret: &Secret) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let is_known = known.iter().any(|one| one.expose() == secret.expose());
        if secret.expose().len() >= SHORTEST && !is_known {
            known.push(secret.clone());
            // A secret that holds another one has to go first, or its rest would stay.
            known.sort_by_key(|one| std::cmp::Reverse(one.expose().len()));
        }
    }

    /// The text without secrets.
    pub fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in self.known.read().unwrap_or_else(PoisonError::into_inner).iter() {
            clean = clean.replace(secret.expose(), PLACEHOLDER);
        }
        for pattern in PATTERNS.iter() {
            let replaced = pattern.replace_all(&clean, |found: &Captures<'_>| {
                let kept = found.name("kept").map_or("", |kept| kept.as_str());
                let at = if found.get(0).is_some_and(|all| all.as_str().ends_with('@')) {
                    "@"
                } else {
                    ""
                };
                format!("{kept}{PLACEHOLDER}{at}")
            });
            clean = replaced.into_owned();
        }
        clean
    }

    /// Whether the text holds what must not be kept.
    pub fn finds_in(&self, text: &str) -> bool {
        // What has been cleaned matches the patterns once more, and is no secret.
        self.clean(text) != text
    }

    /// Cleans every text of a document, the names in it included.
    pub fn clean_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.clean(&text)),
            Value::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.clean_value(item)).collect())
            }
            Value::Object(map) => Value::Object(
                map.into_iter()
                    .map(|(name, value)| (self.clean(&name), self.clean_value(value)))
                    .collect(),
            ),
            other => other,
        }
    }

    /// Whether any text of the document holds what must not be kept.
    pub fn finds_in_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.finds_in(text),
            Value::Array(items) => items.iter().any(|item| self.finds_in_value(item)),
            Value::Object(map) => {
                map.iter().any(|(name, value)| self.finds_in(name) || self.finds_in_value(value))
            }
            _ => false,
        }
    }
}
