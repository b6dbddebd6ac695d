//! Replaces values. Each kind of replacement has its own word in the manifest.
//!
//! To add one, describe it here and give its word a field in `document.rs`. The rows of a pull, the
//! SQL on a database, the checks of the plan, the trust and the drafts all use the description.

use std::fmt;

use crate::adapters::postgres::quote_literal;

/// A replacement for a value. It depends on the old value alone, and replacing it again changes
/// nothing, because a second scrub must change nothing.
pub struct Replacement {
    /// The key of a policy that lists the columns.
    pub word: &'static str,
    /// What happens to the column, as a text after its name.
    pub described: &'static str,
    /// What a column of the wrong type or length cannot hold.
    pub value: &'static str,
    /// Which columns it is for.
    pub purpose: &'static str,
    /// The most characters of a new value.
    pub longest: usize,
    /// Whether different values stay different, as a unique key requires.
    pub keeps_distinct: bool,
    /// Appends the new value. Neither the old nor the new value is escaped.
    pub in_row: fn(&[u8], &mut Vec<u8>),
    /// The same in SQL, from an expression for the old value's text.
    pub in_sql: fn(&str) -> String,
    /// Examples of new values, to test against the constraints of the column.
    pub examples: &'static [&'static str],
}

/// All replacements.
pub static REPLACEMENTS: [&Replacement; 1] = [&UNUSABLE_PASSWORD];

/// A password hash that no password matches. For Django, a value that begins with an exclamation
/// mark means "no password".
pub static UNUSABLE_PASSWORD: Replacement = Replacement {
    word: "unusable_password",
    described: "made unusable",
    value: "an unusable password",
    purpose: "unusable_password is for Django's password column",
    longest: NO_PASSWORD.len(),
    keeps_distinct: false,
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
