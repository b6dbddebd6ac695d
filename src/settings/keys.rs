//! The one list of every setting: its name, type, meaning, environment variable and default.
//!
//! Reading, validation and documentation are all made from it.

mod list;

use crate::words::edit_distance;
use std::collections::BTreeMap;

pub use list::KEYS;

/// What a setting's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    Text,
    Boolean,
    TextList,
}

impl ValueType {
    pub fn describe(self) -> &'static str {
        match self {
            ValueType::Text => "a string",
            ValueType::Boolean => "true or false",
            ValueType::TextList => "a list of strings",
        }
    }

    /// A value of this type that says nothing.
    pub fn example(self) -> &'static str {
        match self {
            ValueType::Text => "\"\"",
            ValueType::Boolean => "false",
            ValueType::TextList => "[]",
        }
    }
}

/// Whether a `bcops.toml` that was found, and that the user has not trusted, may set a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It may not: the key names a host, an app, a file, a command, a table, or what is protected.
    Needed,
    /// It may: the worst that a hostile value does is to be a nuisance.
    Harmless,
    /// It may where the manifest that it names only takes more away than the built-in one.
    ByItsManifest,
}

/// One setting. A `*` in `name` stands for any environment's name.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub name: &'static str,
    pub value_type: ValueType,
    pub variable: Option<&'static str>,
    /// Whether `config show` must hide the value.
    pub secret: bool,
    pub meaning: &'static str,
    /// What holds where nobody says anything, in TOML. `None`: there is no value then, or one that
    /// depends on the machine.
    pub default: Option<&'static str>,
    /// The commands that look at it.
    pub used_by: &'static str,
    /// Needed unless the declaration says otherwise, so that a new key is safe.
    pub trust: Trust,
}

const fn key(name: &'static str, value_type: ValueType, meaning: &'static str) -> Key {
    let (variable, secret, default, used_by) = (None, false, None, "");
    Key { name, value_type, variable, secret, meaning, default, used_by, trust: Trust::Needed }
}

impl Key {
    const fn variable(self, name: &'static str) -> Key {
        Key { variable: Some(name), ..self }
    }

    const fn secret(self) -> Key {
        Key { secret: true, ..self }
    }

    const fn default(self, value: &'static str) -> Key {
        Key { default: Some(value), ..self }
    }

    const fn used_by(self, commands: &'static str) -> Key {
        Key { used_by: commands, ..self }
    }

    /// For times and limits alone: see [`Trust`].
    const fn harmless(self) -> Key {
        Key { trust: Trust::Harmless, ..self }
    }

    const fn trusted_by_its_manifest(self) -> Key {
        Key { trust: Trust::ByItsManifest, ..self }
    }
}

/// The built-in configuration, in the form of a file.
pub const BUILT_IN: &str = include_str!("built_in.toml");

/// The built-in values in TOML, by dotted key.
pub fn built_in_values() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    if let Ok(table) = BUILT_IN.parse::<toml::Table>() {
        flatten("", &table, &mut found);
    }
    found
}

fn flatten(prefix: &str, table: &toml::Table, found: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let name = format!("{prefix}{name}");
        match value {
            toml::Value::Table(inner) => flatten(&format!("{name}."), inner, found),
            value => {
                found.insert(name, value.to_string());
            }
        }
    }
}

/// Finds the declaration of a dotted key, whatever environment it names.
pub fn find(name: &[&str]) -> Option<&'static Key> {
    KEYS.iter().find(|key| {
        let parts: Vec<&str> = key.name.split('.').collect();
        parts.len() == name.len()
            && parts.iter().zip(name).all(|(pattern, part)| *pattern == "*" || pattern == part)
    })
}

/// Whether a table of this dotted name can hold settings.
pub fn is_table(name: &[&str]) -> bool {
    KEYS.iter().any(|key| {
        let parts: Vec<&str> = key.name.split('.').collect();
        parts.len() > name.len()
            && parts.iter().zip(name).all(|(pattern, part)| *pattern == "*" || pattern == part)
    })
}

/// The known key nearest to an unknown one, if one is near enough to be meant.
pub fn nearest(name: &[&str]) -> Option<String> {
    let wanted = name.join(".");
    let mut candidates: Vec<(usize, String)> = KEYS
        .iter()
        .map(|key| {
            let mut parts: Vec<&str> = key.name.split('.').collect();
            if parts.first() == Some(&"environments")
                && let (Some(slot), Some(environment)) = (parts.get_mut(1), name.get(1))
            {
                *slot = environment;
            }
            let candidate = parts.join(".");
            (edit_distance(&wanted, &candidate), candidate)
        })
        .collect();
    candidates.sort();
    candidates.into_iter().next().filter(|(distance, _)| *distance <= 4).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_whatever_the_environment() {
        assert!(find(&["environments", "staging", "app"]).is_some());
        assert!(find(&["environments", "staging", "ap"]).is_none());
        assert!(is_table(&["environments", "staging", "config_vars"]));
        assert!(!is_table(&["environments", "staging", "app"]));
    }

    /// Whoever adds a key to this list has to say why a stranger may set it.
    #[test]
    fn these_keys_and_no_others_are_harmless() {
        let named = |trust| {
            let keys = KEYS.iter().filter(move |key| key.trust == trust);
            keys.map(|key| key.name).collect::<Vec<_>>()
        };
        let harmless = [
            // An older backup is scrubbed as a newer one is, and its age is shown.
            "backup_max_age",
            "commands.silence",
            "git.stale_after",
            "network.timeout",
            "search.shard_limit",
        ];
        assert_eq!(named(Trust::Harmless), harmless);
        assert_eq!(named(Trust::ByItsManifest), ["scrub.manifest"]);
    }

    #[test]
    fn the_nearest_key_is_named() {
        assert_eq!(nearest(&["backup_maxage"]).as_deref(), Some("backup_max_age"));
        assert_eq!(
            nearest(&["environments", "qa", "protect"]).as_deref(),
            Some("environments.qa.protected")
        );
        assert_eq!(nearest(&["entirely", "different"]), None);
    }
}
