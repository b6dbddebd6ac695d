//! Replaces values, each kind of value under a word of its own in the manifest.
//!
//! To add one, describe it here and give its word a field in `document.rs`. The rows of a pull, the
//! SQL on a database, the checks of the plan, the trust and the drafts are made from the description.

use std::fmt;

use crate::adapters::postgres::quote_literal;

/// A value that stands in for another. It is made of the old value alone, and stays as it is when
/// it is replaced once more, because a second scrub must change nothing.
pub struct Replacement {
    /// The key of a policy that lists the columns.
    pub word: &'static str,
    /// What becomes of the column, after its name.
    pub described: &'static str,
    /// What a column of another type or length cannot hold.
    pub value: &'static str,
    /// Which columns it is for.
    pub purpose: &'static str,
    /// The most characters that it has.
    pub longest: usize,
    /// Whether different values stay different, as a unique key demands.
    pub tells_apart: bool,
    /// Appends the new value, which is not escaped, as the old one is not.
    pub in_row: fn(&[u8], &mut Vec<u8>),
    /// The same in SQL, from an expression for the old value's text.
    pub in_sql: fn(&str) -> String,
    /// Values that it gives, to be tried against the constraints of the column.
    pub examples: &'static [&'static str],
}

/// All of them.
pub static REPLACEMENTS: [&Replacement; 1] = [&UNUSABLE_PASSWORD];

/// A password hash that no password matches. Django treats every value that begins with an
/// exclamation mark as "no password".
pub static UNUSABLE_PASSWORD: Replacement = Replacement {
    word: "unusable_password",
    described: "made unusable",
    value: "an unusable password",
    purpose: "unusable_password is for Django's password column",
    longest: NO_PASSWORD.len(),
    tells_apart: false,
    in_row: |_, out| out.extend_from_slice(NO_PASSWORD.as_bytes()),
    in_sql: |_| quote_literal(NO_PASSWORD),
    examples: &[NO_PASSWORD],
};

const NO_PASSWORD: &str = "!password-removed-by-bcops";

impl PartialEq for Replacement {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl fmt::Debug for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)
    }
}
