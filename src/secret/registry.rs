//! The secrets that this process knows, and texts without them.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use super::{PLACEHOLDER, patterns};

/// The longest comes first: a secret that holds another one has to go before it, or its rest would
/// stay.
static KNOWN: RwLock<BTreeSet<(Reverse<usize>, String)>> = RwLock::new(BTreeSet::new());

pub fn register(values: Vec<String>) {
    let is_new = {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        let is_known = |value: &String| known.contains(&(Reverse(value.len()), value.clone()));
        values.iter().any(|value| !is_known(value))
    };
    // The same values are read again and again, and readers need not wait for that.
    if is_new {
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(values.into_iter().map(|value| (Reverse(value.len()), value)));
    }
}

/// The text without what is secret: the values of every [`Secret`](super::Secret), and what has the
/// look of one.
pub fn redacted(text: &str) -> String {
    let mut clean = text.to_owned();
    for (_, secret) in KNOWN.read().unwrap_or_else(PoisonError::into_inner).iter() {
        if clean.contains(secret.as_str()) {
            clean = clean.replace(secret.as_str(), PLACEHOLDER);
        }
    }
    patterns::without_matches(clean)
}
