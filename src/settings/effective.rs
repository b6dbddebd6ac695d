//! Lists every effective value as given, for people.

use super::Settings;
use super::keys::{self, KEYS, Literal};
use super::layers::{Origin, RawValue, Sourced};

/// One setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// Dotted, as in a file.
    pub name: String,
    pub value: RawValue,
    pub origin: Origin,
    /// Whether the value must not be shown.
    pub secret: bool,
}

impl Settings {
    /// The values of variables, files and the built-in configuration, sorted by name.
    pub fn effective(&self) -> Vec<Effective> {
        self.given
            .iter()
            .map(|(name, given)| {
                let parts: Vec<&str> = name.iter().map(String::as_str).collect();
                // A key that is not in the list of settings is hidden too.
                let secret = keys::find(&parts).is_none_or(|key| key.secret);
                let Sourced { value, origin } = given.clone();
                Effective { name: name.join("."), value, origin, secret }
            })
            .collect()
    }

    /// The same, plus the defaults of all other keys.
    pub fn effective_with_defaults(&self) -> Vec<Effective> {
        let mut all = self.effective();
        for key in KEYS {
            let names = match key.name.split_once('*') {
                None => vec![key.name.to_owned()],
                Some((before, after)) => {
                    let environments = self.environments.keys();
                    environments.map(|name| format!("{before}{name}{after}")).collect()
                }
            };
            let default = key.default.map(Literal::raw);
            let default = match key.name {
                "state_dir" => {
                    Some(RawValue::Text(self.state_directory.value.display().to_string()))
                }
                _ => default,
            };
            let Some(value) = default else { continue };
            for name in names {
                if !all.iter().any(|one| one.name == name) {
                    // Defaults are public, so they are not secret.
                    let (value, origin) = (value.clone(), Origin::BuiltIn);
                    all.push(Effective { name, value, origin, secret: false });
                }
            }
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::ProcessEnv;
    use crate::settings::keys::ValueType;

    fn load(folder: &Path) -> Settings {
        Settings::load(&ProcessEnv {
            variable: &|_| None,
            working_directory: folder,
            home: None,
            config_file: crate::settings::nearest_file(folder).as_deref(),
        })
        .unwrap()
    }

    /// All settings that a command sees, without their origins.
    fn seen(folder: &Path) -> String {
        let settings = load(folder);
        let bare = Settings { given: Default::default(), files: Vec::new(), ..settings };
        let origin = regex::Regex::new(r#"origin: (BuiltIn|File \{[^}]*\})"#).unwrap();
        origin.replace_all(&format!("{bare:#?}"), "").into_owned()
    }

    /// Addresses that the client itself supplies are not in the typed settings.
    fn is_supplied_by_a_client(name: &str) -> bool {
        name.starts_with("heroku.") || name == "cloudflare.base_url"
    }

    /// For a site that inherits nothing from the built-in one.
    #[test]
    fn the_declared_defaults_are_effective() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bcops.toml");
        std::fs::write(&path, "inherit = false\nenvironments.live.app = \"x\"\n").unwrap();
        let before = seen(folder.path());
        let mut file = String::new();
        for one in load(folder.path()).effective_with_defaults() {
            if !is_supplied_by_a_client(&one.name) {
                file.push_str(&format!("{} = {}\n", one.name, one.value));
            }
        }
        assert!(file.lines().count() > 40, "{file}");
        std::fs::write(&path, file).unwrap();
        assert_eq!(seen(folder.path()), before);
    }

    #[test]
    fn every_default_has_its_type() {
        for key in KEYS {
            assert!(!key.used_by.is_empty() && !key.meaning.is_empty(), "{}", key.name);
            if let Some(default) = key.default {
                let fits = matches!(
                    (key.value_type, default),
                    (ValueType::Text, Literal::Text(_))
                        | (ValueType::Boolean, Literal::Boolean(_))
                        | (ValueType::TextList, Literal::TextList(_))
                );
                assert!(fits, "{}", key.name);
            }
        }
    }

    /// Each setting is read by its constant, which supplies the default too. No other code reads a
    /// layer by a name.
    #[test]
    fn every_setting_is_read_through_its_key() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let list = source.join("settings/keys/list.rs");
        let declarations = std::fs::read_to_string(&list).unwrap();
        let mut texts = String::new();
        collect(&source, &list, &mut texts);
        let constant = regex::Regex::new(r"(?m)^    ([A-Z_0-9]+): (?:Optional)?Key<").unwrap();
        let names: Vec<&str> = constant
            .captures_iter(&declarations)
            .map(|found| found.get(1).unwrap().as_str())
            .collect();
        assert_eq!(names.len(), KEYS.len());
        for name in names {
            let read = regex::Regex::new(&format!(
                r"keys::{name}\s*\.(value|read|given|declaration)\b|= keys::{name};"
            ));
            assert!(read.unwrap().is_match(&texts), "nothing reads {name}");
        }
        // Only distinctive defaults: words such as `media` appear everywhere.
        for key in KEYS {
            let Some(Literal::Text(default)) = key.default else { continue };
            if default.contains("://") || default.contains(' ') || default.contains("FRONTEND") {
                let again = texts.contains(&format!("\"{default}\""));
                assert!(!again, "the default of {} appears twice", key.name);
            }
        }
    }

    /// The program's source without its tests.
    fn collect(folder: &Path, without: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, without, text);
            } else if path != without && path.extension().is_some_and(|one| one == "rs") {
                let file = std::fs::read_to_string(&path).unwrap();
                text.push_str(file.split("#[cfg(test)]").next().unwrap_or_default());
            }
        }
    }
}
