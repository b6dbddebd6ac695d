//! What a `bcops.toml` that was found on the way up from the working directory may not say.
//!
//! Such a file comes with a clone, so that whoever can push to the repository, or put a file above
//! somebody's working directory, writes it. It describes a site; it must neither send an operator's
//! tokens to another server nor take the protection off production. A file that the operator names
//! (`--config`) or owns (`~/.config/bcops/config.toml`) may do both, as may a variable.

use std::path::Path;

use url::Url;

use super::layers::{Layers, Origin, RawValue, Sourced};
use super::{SettingsError, keys};
use crate::loopback::is_loopback;

/// Servers that are sent an operator's token, and that no site has of its own.
const TOKENS_GO_TO: [[&str; 2]; 4] = [
    ["heroku", "host"],
    ["heroku", "data_host"],
    ["heroku", "git_host"],
    ["cloudflare", "base_url"],
];

/// Refuses a found file that goes too far. `layers` are all of them together.
pub fn check(layers: &Layers, found: &Path, built_in: &Layers) -> Result<(), SettingsError> {
    for name in TOKENS_GO_TO {
        let given = layers.get(&name).filter(|given| is_from(given, found));
        let usual = keys::find(&name).and_then(|key| key.default).and_then(Layers::default_value);
        let leads_away =
            |value: &RawValue| Some(value) != usual.as_ref() && !stays_on_this_machine(value);
        if let Some(given) = given.filter(|given| leads_away(&given.value)) {
            return Err(refused(given, &name, "your tokens would be sent there"));
        }
    }
    for environment in environments(layers) {
        let named = |key| layers.get(&["environments", environment, key]);
        let (app, protected) = (named("app"), named("protected"));
        let is_writable = protected.is_some_and(|one| one.value == RawValue::Boolean(false));
        let (Some(app), true) = (app, is_writable) else { continue };
        // Where it is still protected under some name, comparing what the resources are refuses it.
        if !is_protected_app(&app.value, built_in) || is_protected_app(&app.value, layers) {
            continue;
        }
        for (key, given) in [("protected", protected), ("app", Some(app))] {
            if let Some(given) = given.filter(|given| is_from(given, found)) {
                let name = ["environments", environment, key];
                return Err(refused(given, &name, "a protected app could be written to"));
            }
        }
    }
    Ok(())
}

fn is_from(given: &Sourced<RawValue>, found: &Path) -> bool {
    matches!(&given.origin, Origin::File { path, .. } if path == found)
}

fn refused(given: &Sourced<RawValue>, name: &[&str], reason: &'static str) -> SettingsError {
    SettingsError::TooFar { origin: given.origin.to_string(), key: name.join("."), reason }
}

fn environments(layers: &Layers) -> impl Iterator<Item = &str> {
    layers.values.keys().filter_map(|name| match name.as_slice() {
        [first, name, key] if first == "environments" && key == "app" => Some(name.as_str()),
        _ => None,
    })
}

/// What is only sent to a server of the operator's own machine, or to no server, is not sent away.
/// A host may stand without a scheme, as Heroku's variables allow.
fn stays_on_this_machine(value: &RawValue) -> bool {
    let RawValue::Text(text) = value else { return false };
    let text = text.trim();
    let url = match text.contains("://") {
        true => Url::parse(text),
        false => Url::parse(&format!("https://{text}")),
    };
    url.is_ok_and(|url| is_loopback(&url) || (url.scheme() == "file" && !url.has_host()))
}

/// Whether some environment of these has the app and is protected.
fn is_protected_app(app: &RawValue, layers: &Layers) -> bool {
    environments(layers).any(|name| {
        let named = |key| layers.get(&["environments", name, key]).map(|one| &one.value);
        let is_it = match (named("app"), app) {
            (Some(RawValue::Text(known)), RawValue::Text(app)) => {
                known.eq_ignore_ascii_case(app.trim())
            }
            _ => false,
        };
        is_it && named("protected") != Some(&RawValue::Boolean(false))
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use crate::settings::{Settings, SettingsError, Surroundings};

    fn load(text: &str, named: bool) -> Result<Settings, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().join("bcops.toml");
        std::fs::write(&path, text).unwrap();
        Settings::load(&Surroundings {
            variable: &|_| None,
            working_directory: folder.path(),
            home: None,
            config_file: named.then_some(path.as_path()),
        })
    }

    #[track_caller]
    fn assert_only_named(text: &str, key: &str) {
        let error = load(text, false).unwrap_err().to_string();
        assert!(error.contains("bcops.toml:") && error.contains(&format!("`{key}`")), "{error}");
        load(text, true).unwrap();
    }

    #[test]
    fn a_clone_does_not_send_tokens_elsewhere() {
        assert_only_named("[heroku]\nhost = \"https://evil.example\"", "heroku.host");
        assert_only_named("[heroku]\ndata_host = \"evil.example\"", "heroku.data_host");
        let cloudflare = "[cloudflare]\nbase_url = \"https://evil.example/client/v4\"";
        assert_only_named(cloudflare, "cloudflare.base_url");
        assert_only_named("[heroku]\ngit_host = \"git.example\"", "heroku.git_host");
        // What comes before an @ is no host.
        let user = "[heroku]\ngit_host = \"https://localhost@evil.example\"";
        assert_only_named(user, "heroku.git_host");
        let share = "[heroku]\ngit_host = \"file://evil.example/share\"";
        assert_only_named(share, "heroku.git_host");
        for here in ["localhost", "127.0.0.1:8080", "http://[::1]:9", "file:///srv/git"] {
            load(&format!("[heroku]\ngit_host = \"{here}\""), false).unwrap();
        }
        load("[heroku]\nhost = \"http://127.0.0.1:1234\"", false).unwrap();
        load("[heroku]\nhost = \"https://api.heroku.com\"", false).unwrap();
    }

    #[test]
    fn a_clone_does_not_take_the_protection_off_production() {
        let key = "environments.production.protected";
        assert_only_named("[environments.production]\nprotected = false", key);
        let app = "app = \"buckinghamshire-production\"";
        let other = format!("inherit = false\n[environments.live]\n{app}\nprotected = false");
        assert_only_named(&other, "environments.live.protected");
        // Staging is built in as unprotected, so that the app's name is what goes too far.
        let swapped =
            format!("[environments.production]\napp = \"x\"\n[environments.staging]\n{app}");
        assert_only_named(&swapped, "environments.staging.app");
        load("[environments.staging]\nprotected = false", false).unwrap();
        // Production is still protected, so that its identity refuses staging at the first look.
        load(&format!("[environments.staging]\n{app}"), false).unwrap();
        let second = "inherit = false\n[environments.test]\napp = \"other\"\nprotected = false";
        assert!(!load(second, false).unwrap().environments["test"].protected);
    }
}
