//! Registers the secrets that this process knows, and removes them from texts.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use super::{PLACEHOLDER, patterns};

/// Longest first: a secret that contains another would otherwise be removed only in part.
static KNOWN: RwLock<BTreeSet<(Reverse<usize>, String)>> = RwLock::new(BTreeSet::new());

pub fn register(values: Vec<String>) {
    let is_new = {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        let is_known = |value: &String| known.contains(&(Reverse(value.len()), value.clone()));
        values.iter().any(|value| !is_known(value))
    };
    // Most values are already known, so readers need not wait for a write.
    if is_new {
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(values.into_iter().map(|value| (Reverse(value.len()), value)));
    }
}

/// The text without the values of every [`Secret`](super::Secret), and without texts that look like
/// a secret.
pub fn redacted(text: &str) -> String {
    let mut clean = text.to_owned();
    for (_, secret) in KNOWN.read().unwrap_or_else(PoisonError::into_inner).iter() {
        if clean.contains(secret.as_str()) {
            clean = clean.replace(secret.as_str(), PLACEHOLDER);
        }
    }
    patterns::without_matches(clean)
}
