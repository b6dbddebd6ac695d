//! Tests what a found file may set, with and without trust.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::settings::keys::{KEYS, Trust, ValueType};
use crate::settings::trust::{Candidate, Standing, Store};
use crate::settings::{Belief, FileTrust, ProcessEnv, Settings, SettingsError};

/// A clone with a bcops.toml, and a home.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new(text: &str) -> World {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "clone"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let world = World { folder };
        world.write("bcops.toml", text);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("clone").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn with<T>(&self, named: Option<&Path>, work: impl FnOnce(&ProcessEnv<'_>) -> T) -> T {
        work(&ProcessEnv {
            variable: &|_| None,
            working_directory: &self.path(""),
            home: Some(&self.folder.path().join("home")),
            config_file: named,
        })
    }

    fn load(&self) -> Result<Settings, SettingsError> {
        self.with(None, Settings::load)
    }

    fn load_named(&self) -> Result<Settings, SettingsError> {
        self.with(Some(&self.path("bcops.toml")), Settings::load)
    }

    fn trust(&self) {
        self.with(None, |process| {
            let candidate = Candidate::read(&self.path("bcops.toml"), process).unwrap();
            candidate.trust(&Store::of(process).unwrap()).unwrap();
        });
    }

    #[track_caller]
    fn assert_untrusted(&self, changed: bool, keys: &[&str]) {
        match self.load().unwrap_err() {
            SettingsError::Untrusted(found) => {
                assert_eq!(
                    (found.changed, found.keys.as_slice()),
                    (changed, &keys.map_owned()[..])
                );
            }
            other => panic!("{other}"),
        }
    }
}

trait MapOwned {
    fn map_owned(&self) -> Vec<String>;
}

impl MapOwned for &[&str] {
    fn map_owned(&self) -> Vec<String> {
        self.iter().map(|one| (*one).to_owned()).collect()
    }
}

#[test]
fn every_key_needs_trust_unless_declared_otherwise() {
    for key in KEYS {
        let name = key.name.replace('*', "staging");
        let value = match key.value_type {
            ValueType::Text if key.trust == Trust::Harmless => "\"5\"".to_owned(),
            other => other.example().to_owned(),
        };
        let world = World::new(&format!("{name} = {value}\n"));
        match key.trust {
            Trust::Needed => world.assert_untrusted(false, &[&name]),
            _ => assert!(!matches!(world.load(), Err(SettingsError::Untrusted(_))), "{name}"),
        }
    }
}

#[test]
fn harmless_keys_apply_and_others_are_named() {
    let world = World::new("backup_max_age = \"7d\"\n[network]\ntimeout = \"9s\"\n");
    let settings = world.load().unwrap();
    assert_eq!(settings.backup_max_age.value.as_secs(), 7 * 86_400);
    assert_eq!(settings.files[0].trust, FileTrust::Harmless);
    world.write(
        "bcops.toml",
        "backup_max_age = \"7d\"\n[environments.qa]\napp = \"x\"\nprotected = false\n",
    );
    world.assert_untrusted(false, &["environments.qa.app", "environments.qa.protected"]);
    let error = world.load().unwrap_err();
    assert!(error.known_environments().contains(&"qa".to_owned()));
    assert!(error.to_string().contains("`environments.qa.app`"), "{error}");
    assert!(world.load_named().is_ok());
}

#[test]
fn trust_covers_exactly_the_shown_content() {
    let world = World::new("[environments.qa]\napp = \"x\"\n[scrub]\nmanifest = \"scrub.toml\"\n");
    let keys = ["environments.qa.app"];
    world.assert_untrusted(false, &keys);
    world.write("scrub.toml", "one");
    world.trust();
    let settings = world.load().unwrap();
    assert_eq!(settings.files[0].trust, FileTrust::Trusted);
    // The compared bytes are used.
    let manifest = settings.scrub_manifest.unwrap();
    assert!(matches!(manifest.belief, Belief::Compared(_)));
    world.write("scrub.toml", "another");
    assert_eq!(manifest.read().unwrap(), "one");
    world.assert_untrusted(true, &keys);
    world.write("scrub.toml", "one");
    assert!(world.load().is_ok());
    world.write("bcops.toml", "[environments.qa]\napp = \"y\"\n");
    world.assert_untrusted(true, &keys);
    // A copy elsewhere is another file.
    world.write(
        "bcops.toml",
        "[environments.qa]\napp = \"x\"\n[scrub]\nmanifest = \"scrub.toml\"\n",
    );
    assert!(world.load().is_ok());
    let other = World { folder: tempfile::tempdir().unwrap() };
    fs::create_dir(other.path("")).unwrap();
    fs::copy(world.path("bcops.toml"), other.path("bcops.toml")).unwrap();
    other.assert_untrusted(false, &keys);
}

#[test]
fn a_link_to_a_trusted_file_is_another_place() {
    let world = World::new("[environments.qa]\napp = \"x\"\n");
    world.trust();
    let inner = world.path("inner");
    fs::create_dir(&inner).unwrap();
    symlink(world.path("bcops.toml"), inner.join("bcops.toml")).unwrap();
    world.with(None, |process| {
        let candidate = Candidate::read(&inner.join("bcops.toml"), process).unwrap();
        let store = Store::of(process).unwrap();
        assert_eq!(candidate.standing(&store).unwrap(), Standing::Unknown);
        // The link is trusted while it leads to the same file.
        candidate.trust(&store).unwrap();
        let candidate = Candidate::read(&inner.join("bcops.toml"), process).unwrap();
        assert_eq!(candidate.standing(&store).unwrap(), Standing::Trusted);
        fs::rename(world.path("bcops.toml"), world.path("elsewhere")).unwrap();
        fs::remove_file(inner.join("bcops.toml")).unwrap();
        symlink(world.path("elsewhere"), inner.join("bcops.toml")).unwrap();
        let candidate = Candidate::read(&inner.join("bcops.toml"), process).unwrap();
        assert_eq!(candidate.standing(&store).unwrap(), Standing::Changed);
    });
}

#[test]
fn a_manifest_of_an_untrusted_file_only_removes() {
    let world = World::new("[scrub]\nmanifest = \"scrub.toml\"\n");
    let belief = |settings: Settings| settings.scrub_manifest.unwrap().belief;
    assert!(matches!(belief(world.load().unwrap()), Belief::TakingAwayOnly));
    assert!(matches!(belief(world.load_named().unwrap()), Belief::ByName));
    // It would replace the user's own manifest, which may be stricter than the built-in one.
    let own = world.folder.path().join("home/.config/bcops");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("config.toml"), "[scrub]\nmanifest = \"mine.toml\"\n").unwrap();
    world.assert_untrusted(false, &["scrub.manifest"]);
}

#[test]
fn a_found_file_cannot_name_this_machine() {
    for (key, value) in [
        ("heroku.host", "http://127.0.0.1:9"),
        ("heroku.git_host", "file:///srv/git"),
        ("heroku.data_host", "localhost"),
        ("cloudflare.base_url", "http://[::1]:9"),
        ("gitlab.url", "https://0.0.0.0"),
        ("media.endpoint", "http://localhost.:9000"),
    ] {
        let world = World::new(&format!("{key} = \"{value}\"\n"));
        world.trust();
        let error = world.load().unwrap_err();
        assert!(
            matches!(&error, SettingsError::OnThisMachine { key: one, .. } if one == key),
            "{error}"
        );
        assert!(world.load_named().is_ok(), "{key}");
    }
    let world = World::new("[gitlab]\nurl = \"https://git.example.org\"\n");
    world.trust();
    assert!(world.load().is_ok());
}

#[test]
fn no_file_changes_a_built_in_environment() {
    for (key, value) in [
        ("production.app", "\"other\""),
        ("production.protected", "false"),
        ("staging.protected", "true"),
        ("content-prep.branch", "\"other\""),
        ("staging.app", "\"buckinghamshire-production\""),
    ] {
        let world = World::new(&format!("environments.{key} = {value}\n"));
        let error = world.load_named().unwrap_err();
        assert!(matches!(error, SettingsError::BuiltInChanged { .. }), "{error}");
        world.trust();
        assert!(matches!(world.load(), Err(SettingsError::BuiltInChanged { .. })));
    }
    let same =
        "[environments.production]\napp = \"buckinghamshire-production\"\nprotected = true\n";
    assert!(World::new(same).load_named().is_ok());
    // Without built-in environments, the file defines the names.
    let world = World::new(&format!("inherit = false\n{}", same.replace("true", "false")));
    let settings = world.load_named().unwrap();
    let error = settings.environment("production").unwrap().as_destination().unwrap_err();
    assert!(matches!(error, SettingsError::NothingProtected { .. }), "{error}");
    world.write(
        "bcops.toml",
        "inherit = false\n[environments.live]\napp = \"a\"\n[environments.qa]\napp = \"b\"\nprotected = false\n",
    );
    let settings = world.load_named().unwrap();
    assert!(settings.environment("qa").unwrap().as_destination().is_ok());
    assert!(settings.environment("live").unwrap().as_destination().is_err());
}

#[test]
fn apps_and_environments_have_plain_names() {
    for app in [
        "01234567-89ab-cdef-0123-456789abcdef",
        "0123456789abcdef0123456789abcdef",
        "a1234567-89ab-cdef-0123-456789abcdef",
        "Buckinghamshire-Production",
        "x/../y",
        "",
        " x",
    ] {
        let world = World::new(&format!("[environments.qa]\napp = \"{app}\"\n"));
        let error = world.load_named().unwrap_err();
        assert!(error.to_string().contains("write the app's name"), "{error}");
    }
    for name in ["QA", "q_a", "\"\"", "\"a b\"", "\"--help\"", "\"\\u001b[2J\""] {
        let world = World::new(&format!("[environments.{name}]\napp = \"x\"\n"));
        world.trust();
        let error = world.load().unwrap_err();
        assert!(error.to_string().contains("an environment's name"), "{name}: {error}");
    }
}

#[test]
fn a_file_of_another_user_is_refused_unless_it_is_named() {
    // Only root can give a file away.
    let world = World::new("backup_max_age = \"7d\"\n");
    let path = world.path("bcops.toml");
    if std::os::unix::fs::chown(&path, Some(12_345), None).is_err() {
        return;
    }
    let load = |variable: &dyn Fn(&str) -> Option<String>| {
        Settings::load(&ProcessEnv {
            variable,
            working_directory: &world.path(""),
            home: None,
            config_file: None,
        })
    };
    let error = load(&|_| None).unwrap_err();
    assert!(matches!(error, SettingsError::OtherOwner { owner: 12_345, .. }), "{error}");
    assert!(load(&|name| (name == "SUDO_UID").then(|| "12345".to_owned())).is_ok());
    assert!(load(&|name| (name == "SUDO_UID").then(|| "12346".to_owned())).is_err());
    assert!(load(&|name| (name == "BCOPS_CONFIG").then(|| "bcops.toml".to_owned())).is_ok());
    assert!(world.load_named().is_ok());
    // A link of another user does not lead to a file of the operator's.
    fs::rename(&path, world.path("real")).unwrap();
    std::os::unix::fs::chown(world.path("real"), Some(0), None).unwrap();
    symlink(world.path("real"), &path).unwrap();
    assert!(load(&|_| None).is_ok());
    std::os::unix::fs::lchown(&path, Some(12_345), None).unwrap();
    assert!(matches!(load(&|_| None), Err(SettingsError::OtherOwner { .. })));
}
