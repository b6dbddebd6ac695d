//! Refuses what no file may set, even if named or trusted: another app, branch or protection for a
//! built-in environment, and an app by anything except its name.

use super::layers::{Layers, Origin, Sourced};
use super::{SettingsError, keys};

/// The keys that identify an environment.
const FIXED: [&str; 3] = ["app", "branch", "protected"];

/// Heroku's limit for names of apps. The id of an app is longer.
const LONGEST_APP: usize = 30;

/// Refuses a file that changes a built-in environment, while built-in environments are inherited.
pub fn check_unchanged(file: &Layers, built_in: &Layers) -> Result<(), SettingsError> {
    for (name, known) in &built_in.values {
        let [first, environment, last] = name.as_slice() else { continue };
        if first != "environments" || !FIXED.contains(&last.as_str()) {
            continue;
        }
        if let Some(given) = file.values.get(name).filter(|given| given.value != known.value) {
            return Err(SettingsError::BuiltInChanged {
                origin: given.origin.to_string(),
                key: name.join("."),
                environment: environment.clone(),
                value: known.value.to_string(),
            });
        }
    }
    // A key without a built-in value is fixed too: no branch means no branch.
    for (name, given) in &file.values {
        let [first, environment, last] = name.as_slice() else { continue };
        let is_built_in = keys::APP.declaration.raw(built_in.of(environment)).is_some();
        let is_fixed = first == "environments" && FIXED.contains(&last.as_str());
        if is_fixed && is_built_in && !built_in.values.contains_key(name) {
            return Err(SettingsError::BuiltInChanged {
                origin: given.origin.to_string(),
                key: name.join("."),
                environment: environment.clone(),
                value: "not set".to_owned(),
            });
        }
    }
    Ok(())
}

/// A file must give an app by its name. An id would work too, but a reader of the file could not
/// see which app it means.
pub fn check_app(app: &Sourced<String>, environment: &str) -> Result<(), SettingsError> {
    let fits = app.value.len() <= LONGEST_APP
        && app.value.starts_with(|c: char| c.is_ascii_lowercase())
        && app.value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    match &app.origin {
        Origin::File { .. } if !fits => Err(SettingsError::BadValue {
            origin: app.origin.to_string(),
            key: format!("environments.{environment}.app"),
            value: app.value.clone(),
            reason: "write the app's name: lower-case letters, digits and hyphens, at most 30, a \
                     beginning with a letter"
                .to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Whether any environment is protected. Environments are protected by default.
pub fn something_is_protected(layers: &Layers) -> bool {
    let is_open = |environment: &str| {
        keys::PROTECTED.value(layers.of(environment)).is_ok_and(|protected| !protected)
    };
    layers.values.keys().any(|name| match name.as_slice() {
        [first, environment, last] => {
            first == "environments" && last == "app" && !is_open(environment)
        }
        _ => false,
    })
}
