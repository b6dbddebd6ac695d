//! Reads arbitrary text as an untrusted `bcops.toml` of a clone. It sets nothing that needs trust, and
//! protected apps stay protected.

use std::path::PathBuf;
use std::sync::LazyLock;

use bcops::settings::keys::{self, Trust};
use bcops::settings::{Origin, ProcessEnv, Settings};

/// A small folder of this process. A later process with the same id overwrites it.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("bcops-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
});

pub fn run(bytes: &[u8]) {
    std::fs::write(FOLDER.join("bcops.toml"), bytes).expect("written");
    let loaded = Settings::load(&ProcessEnv {
        variable: &|_| None,
        working_directory: &FOLDER,
        home: None,
        config_file: None,
    });
    match loaded {
        Ok(settings) => {
            for environment in settings.environments.values() {
                let is_production = environment.app.value == "buckinghamshire-production";
                assert!(environment.protected || !is_production, "{environment:?}");
            }
            for one in settings.effective() {
                let parts: Vec<&str> = one.name.split('.').collect();
                let trust = keys::find(&parts).map(|key| key.trust);
                let is_harmless = trust.is_some_and(|trust| trust != Trust::Needed);
                let is_of_a_file = matches!(one.origin, Origin::File { .. });
                assert!(is_harmless || !is_of_a_file, "{one:?}");
            }
            assert!(settings.heroku_host.is_none() && settings.heroku_data_host.is_none());
            assert!(settings.cloudflare_base_url.is_none());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
