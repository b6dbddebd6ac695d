//! Keeps secrets out of journals, plans and reports.
//!
//! The first defence is the type: a [`Secret`] cannot be serialised. This is the second defence,
//! for secrets inside other texts, such as a server's error that quotes the URL of the request. A
//! value of a step that contains a secret is refused. A message that contains one is cleaned.

use std::sync::{PoisonError, RwLock};

use serde_json::Value;

use crate::secret::{PLACEHOLDER, Secret, redacted};

/// Shorter secrets are not searched for: they occur in ordinary text by chance, and cleaning would
/// damage every text.
const SHORTEST: usize = 6;

/// Removes every secret of this process, and every text that looks like a secret.
#[derive(Debug, Default)]
pub struct Redactor {
    known: RwLock<Vec<Secret>>,
}

impl Redactor {
    pub fn new() -> Self {
        Redactor::default()
    }

    /// Adds a secret that is removed from every text from now on.
    pub fn register(&self, secret: &Secret) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let is_known = known.iter().any(|one| one.expose() == secret.expose());
        if secret.expose().len() >= SHORTEST && !is_known {
            known.push(secret.clone());
            // A longer secret that contains another one has to be replaced first, or part of it
            // would remain.
            known.sort_by_key(|one| std::cmp::Reverse(one.expose().len()));
        }
    }

    /// The text without secrets.
    pub fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in self.known.read().unwrap_or_else(PoisonError::into_inner).iter() {
            clean = clean.replace(secret.expose(), PLACEHOLDER);
        }
        redacted(&clean)
    }

    /// Whether the text contains a secret.
    pub fn finds_in(&self, text: &str) -> bool {
        // A placeholder in a cleaned text matches the patterns again, but is not a secret.
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

    /// Whether any text of the document contains a secret.
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
