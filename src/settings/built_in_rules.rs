//! What no file says, named or trusted: another app, branch or protection for an environment that is
//! built in, and an app by anything but its name.

use super::layers::{Layers, Origin, Sourced};
use super::{SettingsError, keys};

/// What makes an environment the one that it is.
const FIXED: [&str; 3] = ["app", "branch", "protected"];

/// Heroku's own limit, which no identifier of an app fits into.
const LONGEST_APP: usize = 30;

/// Refuses a file that changes what a built-in environment is, as long as these are inherited.
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
    // What is built in without a value is as fixed: a branch that is not there is none.
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

/// An app in a file is given by its name. An identifier names the same app, and nobody who reads the
/// file sees which one it is.
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
                     letter first"
                .to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Whether any environment is protected. What is not said is protected.
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
