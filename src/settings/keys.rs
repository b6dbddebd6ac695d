//! Declares every setting once: its name, type, default, meaning, environment variable and trust.
//!
//! Reading, validation and documentation are all made from the declarations.

mod key;
mod list;
mod value;

use crate::words::edit_distance;
use std::collections::BTreeMap;

pub use key::{Declaration, Key, Literal, OptionalKey, Scope, Trust, ValueType};
pub use list::*;
pub use value::{FromText, Unfit, Value, parse_duration};

/// The built-in configuration, in the form of a file.
pub const BUILT_IN: &str = include_str!("../sites/buckinghamshire/bcops.toml");

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

/// Finds the declaration of a dotted key, for any environment.
pub fn find(name: &[&str]) -> Option<&'static Declaration> {
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
pub fn nearest_key(name: &[&str]) -> Option<String> {
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
    fn keys_are_found_for_any_environment() {
        assert!(find(&["environments", "staging", "app"]).is_some());
        assert!(find(&["environments", "staging", "ap"]).is_none());
        assert!(is_table(&["environments", "staging", "config_vars"]));
        assert!(!is_table(&["environments", "staging", "app"]));
    }

    /// A key may be added to this list only with a reason why a stranger may set it.
    #[test]
    fn these_keys_and_no_others_are_harmless() {
        let named = |trust| {
            let keys = KEYS.iter().filter(move |key| key.trust == trust);
            keys.map(|key| key.name).collect::<Vec<_>>()
        };
        let harmless = [
            // An older backup is scrubbed like a newer one, and its age is shown.
            "backup_max_age",
            "commands.silence",
            "git.stale_after",
            "network.timeout",
            "search.shard_limit",
            // A bell, or a notification with words of bcops.
            "ui.notify",
        ];
        assert_eq!(named(Trust::Harmless), harmless);
        assert_eq!(named(Trust::ByItsManifest), ["scrub.manifest"]);
    }

    #[test]
    fn the_nearest_key_is_named() {
        assert_eq!(nearest_key(&["backup_maxage"]).as_deref(), Some("backup_max_age"));
        assert_eq!(
            nearest_key(&["environments", "qa", "protect"]).as_deref(),
            Some("environments.qa.protected")
        );
        assert_eq!(nearest_key(&["entirely", "different"]), None);
    }
}
