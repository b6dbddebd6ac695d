//! Every value that is in force, as it was given, for people to look at.

use super::Settings;
use super::keys;
use super::layers::{Origin, RawValue};

/// One setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective<'a> {
    /// Dotted, as in a file.
    pub name: String,
    pub value: &'a RawValue,
    pub origin: &'a Origin,
    /// Whether the value must not be shown.
    pub secret: bool,
}

impl Settings {
    /// In the order of their names.
    pub fn effective(&self) -> Vec<Effective<'_>> {
        self.given
            .iter()
            .map(|(name, given)| {
                let parts: Vec<&str> = name.iter().map(String::as_str).collect();
                // Something that the list of settings does not know is not shown either.
                let secret = keys::find(&parts).is_none_or(|key| key.secret);
                let (value, origin) = (&given.value, &given.origin);
                Effective { name: name.join("."), value, origin, secret }
            })
            .collect()
    }
}
