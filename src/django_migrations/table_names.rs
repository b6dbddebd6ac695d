//! Shortens names as Django and Postgres do.

use md5::{Digest, Md5};

/// The longest name of a table in Postgres, in bytes.
const LONGEST_NAME: usize = 63;

/// A name in quotes is used as it is written.
pub fn unquoted(table: &str) -> String {
    let inside = table.strip_prefix('"').and_then(|table| table.strip_suffix('"'));
    truncated(inside.unwrap_or(table))
}

/// A long name of a table, as Django shortens it.
pub fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    let digest = hex::encode(Md5::digest(name.as_bytes()));
    let kept: String = name.chars().take(LONGEST_NAME - 4).collect();
    format!("{kept}{}", digest.get(..4).unwrap_or_default())
}

/// A long name, as Postgres cuts it: at 63 bytes, and never inside of a character.
pub fn truncated(name: &str) -> String {
    let mut end = name.len().min(LONGEST_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default().to_owned()
}
