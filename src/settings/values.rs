//! Builds the typed settings from the layers, each by its key.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::layers::{Layers, Origin, Sourced};
use super::{
    Belief, BucketVariables, Cache, CacheVariables, Check, Commands, Environment, FileTrust, Git,
    Gitlab, Known, Local, ManifestFile, Media, ProcessEnv, Reset, Search, Settings, SettingsError,
    built_in_rules, keys,
};
use crate::secret::Secret;

pub fn build(layers: Layers, process: &ProcessEnv<'_>) -> Result<Settings, SettingsError> {
    Ok(Settings {
        inherits: layers.inherits(),
        environments: environments(&layers)?,
        local: Local {
            database_url: keys::LOCAL_DATABASE_URL.given(&layers)?,
            allowed_hosts: keys::LOCAL_ALLOWED_HOSTS.value(&layers)?,
            users_table: keys::LOCAL_USERS_TABLE.value(&layers)?,
        },
        media: media(&layers, process)?,
        search: Search::read(&layers)?,
        backup_max_age: keys::BACKUP_MAX_AGE.read(&layers)?,
        scrub_manifest: keys::SCRUB_MANIFEST.given(&layers)?.map(|given| {
            let belief = manifest_belief(&layers, &given.origin);
            ManifestFile::new(relative(given, process), belief)
        }),
        unclassified: keys::SCRUB_UNCLASSIFIED.value(&layers)?,
        heroku_host: keys::HEROKU_HOST.given(&layers)?,
        heroku_data_host: keys::HEROKU_DATA_HOST.given(&layers)?,
        heroku_git_host: keys::HEROKU_GIT_HOST.given(&layers)?,
        git: Git {
            remote: keys::GIT_REMOTE.value(&layers)?,
            url: keys::GIT_URL.given(&layers)?,
            stale_after: keys::GIT_STALE_AFTER.read(&layers)?,
        },
        gitlab: Gitlab {
            url: keys::GITLAB_URL.read(&layers)?,
            project: keys::GITLAB_PROJECT.read(&layers)?,
        },
        check: Check::read(&layers)?,
        reset: Reset {
            image_tables: keys::RESET_IMAGE_TABLES.value(&layers)?,
            document_tables: keys::RESET_DOCUMENT_TABLES.value(&layers)?,
            hosts: keys::RESET_HOSTS.value(&layers)?.0,
        },
        cloudflare_base_url: keys::CLOUDFLARE_BASE_URL.given(&layers)?,
        cache: Cache {
            key_prefix: keys::CACHE_KEY_PREFIX.value(&layers)?,
            table: keys::CACHE_TABLE.value(&layers)?,
            renditions_database: keys::CACHE_RENDITIONS_DATABASE.value(&layers)?,
        },
        commands: Commands::read(&layers)?,
        network_timeout: keys::NETWORK_TIMEOUT.given(&layers)?.map(|found| found.value),
        // The whole URL is secret, because its path allows anyone to post.
        slack_webhook: keys::SLACK_WEBHOOK_URL.given(&layers)?.map(|found| Sourced {
            value: Secret::new(found.value.expose()),
            origin: found.origin,
        }),
        state_directory: match keys::STATE_DIR.given(&layers)? {
            Some(given) => relative(given, process),
            None => usual_state_directory(process),
        },
        notify: keys::UI_NOTIFY.value(&layers)?,
        files: layers.files,
        given: layers.values,
    })
}

/// A manifest that a found file names is trusted as far as that file.
fn manifest_belief(layers: &Layers, origin: &Origin) -> Belief {
    let of_the_found_file = |path: &PathBuf| {
        layers.files.iter().any(|file| {
            let is_found = matches!(file.trust, FileTrust::Trusted | FileTrust::Harmless);
            is_found && file.path == *path
        })
    };
    match (origin, &layers.found_manifest) {
        (Origin::File { path, .. }, Some(belief)) if of_the_found_file(path) => belief.clone(),
        _ => Belief::ByName,
    }
}

fn environments(layers: &Layers) -> Result<BTreeMap<String, Environment>, SettingsError> {
    let names: BTreeSet<&String> = layers
        .values
        .keys()
        .filter(|name| name.first().is_some_and(|first| first == "environments"))
        .filter_map(|name| name.get(1))
        .collect();
    names
        .into_iter()
        .map(|name| environment(layers, name).map(|environment| (name.clone(), environment)))
        .collect()
}

fn environment(layers: &Layers, name: &str) -> Result<Environment, SettingsError> {
    let own = layers.of(name);
    let app = keys::APP
        .given(own)?
        .ok_or_else(|| SettingsError::NoApp { environment: name.to_owned() })?;
    built_in_rules::check_app(&app, name)?;
    Ok(Environment {
        name: name.to_owned(),
        app,
        // An environment is protected unless the configuration says otherwise.
        protected: keys::PROTECTED.value(own)?,
        something_is_protected: built_in_rules::something_is_protected(layers),
        branch: keys::BRANCH.given(own)?.map(|found| found.value),
        sites: keys::SITES.value(own)?,
        database_url_variable: keys::CONFIG_VARS_DATABASE_URL.value(own)?,
        bucket_variables: BucketVariables {
            bucket: keys::CONFIG_VARS_BUCKET.value(own)?,
            access_key: keys::CONFIG_VARS_ACCESS_KEY.value(own)?,
            secret_key: keys::CONFIG_VARS_SECRET_KEY.value(own)?,
            session_token: keys::CONFIG_VARS_SESSION_TOKEN.value(own)?,
            region: keys::CONFIG_VARS_REGION.value(own)?,
            endpoint: keys::CONFIG_VARS_ENDPOINT.value(own)?,
        },
        search_url_variable: keys::CONFIG_VARS_SEARCH_URL.value(own)?,
        cache_variables: CacheVariables {
            redis_tls_url: keys::CONFIG_VARS_REDIS_TLS_URL.value(own)?,
            redis_url: keys::CONFIG_VARS_REDIS_URL.value(own)?,
            bearer_token: keys::CONFIG_VARS_CLOUDFLARE_BEARER_TOKEN.value(own)?,
            token: keys::CONFIG_VARS_CLOUDFLARE_TOKEN.value(own)?,
            email: keys::CONFIG_VARS_CLOUDFLARE_EMAIL.value(own)?,
            zone: keys::CONFIG_VARS_CLOUDFLARE_ZONE.value(own)?,
        },
        known: Known {
            apps: keys::KNOWN_APPS.value(own)?,
            databases: keys::KNOWN_DATABASES.value(own)?,
            buckets: keys::KNOWN_BUCKETS.value(own)?,
            redis: keys::KNOWN_REDIS.value(own)?,
            search: keys::KNOWN_SEARCH.value(own)?,
            zones: keys::KNOWN_ZONES.value(own)?,
        },
        accept: keys::ACCEPT.value(own)?,
    })
}

fn media(layers: &Layers, process: &ProcessEnv<'_>) -> Result<Media, SettingsError> {
    Ok(Media {
        folder: relative(keys::MEDIA_FOLDER.read(layers)?, process),
        prefixes: keys::MEDIA_PREFIXES.value(layers)?.0,
        originals: keys::MEDIA_ORIGINALS.value(layers)?.0,
        rendition_tables: keys::MEDIA_RENDITION_TABLES.value(layers)?,
        acl: keys::MEDIA_ACL.given(layers)?.map(|found| found.value),
        endpoint: keys::MEDIA_ENDPOINT.given(layers)?,
    })
}

/// A path in a file is relative to that file, and one in a variable is relative to the working
/// directory.
fn relative(found: Sourced<PathBuf>, process: &ProcessEnv<'_>) -> Sourced<PathBuf> {
    let folder = match &found.origin {
        Origin::File { path, .. } => path.parent().map(PathBuf::from).unwrap_or_default(),
        _ => process.working_directory.to_owned(),
    };
    Sourced { value: folder.join(found.value), origin: found.origin }
}

fn usual_state_directory(process: &ProcessEnv<'_>) -> Sourced<PathBuf> {
    let folder = (process.variable)("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| {
            process.home.map(|home| {
                home.join(if cfg!(target_os = "macos") {
                    "Library/Application Support"
                } else {
                    ".local/state"
                })
            })
        })
        .unwrap_or_else(std::env::temp_dir);
    Sourced { value: folder.join("bcops"), origin: Origin::BuiltIn }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    fn load(folder: &Path, variables: &HashMap<&str, &str>) -> Result<Settings, SettingsError> {
        // The file is named, because trust has its own tests.
        Settings::load(&ProcessEnv {
            variable: &|name| variables.get(name).map(|value| (*value).to_owned()),
            working_directory: folder,
            home: None,
            config_file: crate::settings::nearest_file(folder).as_deref(),
        })
    }

    #[test]
    fn built_in_environments_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let settings = load(folder.path(), &HashMap::new()).unwrap();
        assert!(settings.environments["production"].protected);
        assert!(settings.environments["content-prep"].protected);
        assert!(!settings.environments["staging"].protected);
        assert_eq!(settings.environments["dev"].app.value, "buckinghamshire-dev");
        assert_eq!(settings.backup_max_age.value, Duration::from_secs(172_800));
        assert_eq!(settings.backup_max_age.origin, Origin::BuiltIn);
    }

    #[test]
    fn a_variable_beats_a_file_beats_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bcops.toml");
        std::fs::write(
            &path,
            "backup_max_age = \"7d\"\n[local]\ndatabase_url = \"postgres:///from_file\"\n",
        )
        .unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let settings = load(&inner, &HashMap::new()).unwrap();
        assert_eq!(
            settings.local.database_url.as_ref().unwrap().value.expose(),
            "postgres:///from_file"
        );
        assert_eq!(settings.local.database_url.unwrap().origin, Origin::File { path, line: 3 });
        let variables = HashMap::from([("BCOPS_LOCAL_DATABASE_URL", "postgres:///from_variable")]);
        let settings = load(&inner, &variables).unwrap();
        assert_eq!(
            settings.local.database_url.unwrap().value.expose(),
            "postgres:///from_variable"
        );
        assert_eq!(settings.backup_max_age.value, Duration::from_secs(7 * 86_400));
    }

    #[test]
    fn unknown_keys_name_the_nearest_and_the_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bcops.toml"), "\n[local]\ndatabse_url = \"x\"\n")
            .unwrap();
        let error = load(folder.path(), &HashMap::new()).unwrap_err().to_string();
        assert!(error.contains("bcops.toml:3"), "{error}");
        assert!(error.contains("did you mean `local.database_url`?"), "{error}");
    }

    #[test]
    fn wrong_types_and_values_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bcops.toml");
        std::fs::write(&path, "[environments.qa]\napp = \"x\"\nprotected = \"no\"\n").unwrap();
        let error = load(folder.path(), &HashMap::new()).unwrap_err().to_string();
        assert!(error.contains("`environments.qa.protected` must be true or false"), "{error}");
        std::fs::write(&path, "backup_max_age = \"soon\"\n").unwrap();
        let error = load(folder.path(), &HashMap::new()).unwrap_err().to_string();
        assert!(error.contains("`backup_max_age` is `soon`"), "{error}");
        std::fs::write(&path, "backup_max_age = \n").unwrap();
        let error = load(folder.path(), &HashMap::new()).unwrap_err().to_string();
        assert!(error.contains("bcops.toml:1"), "{error}");
    }

    #[test]
    fn another_site_ignores_the_built_in_environments() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("bcops.toml"),
            "inherit = false\n[environments.live]\napp = \"other-live\"\n",
        )
        .unwrap();
        let settings = load(folder.path(), &HashMap::new()).unwrap();
        assert_eq!(settings.environments.keys().collect::<Vec<_>>(), ["live"]);
        // Another site does not inherit the council's own settings.
        assert!(settings.local.database_url.is_none() && settings.search.indices.is_empty());
        assert_eq!(settings.local.users_table, "auth_user");
        assert_eq!(settings.gitlab.url.value, "https://gitlab.com");
        assert_eq!(settings.gitlab.project.value, "");
        // The file does not say that it may be written to.
        assert!(settings.environments["live"].protected);
        let error = settings.environment("production").unwrap_err().to_string();
        assert_eq!(error, "unknown environment `production`; known environments: live");
    }

    #[test]
    fn host_mappings_are_checked_when_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bcops.toml");
        let with = |hosts: &str| {
            std::fs::write(&path, format!("[reset]\nhosts = {hosts}\n")).unwrap();
            load(folder.path(), &HashMap::new())
        };
        let settings = with("[\"www.a.example=b.example:8000\", \"*.a.example=*.b.example\"]");
        assert_eq!(settings.unwrap().reset.hosts.len(), 2);
        let error = with("[\"a.example\"]").unwrap_err().to_string();
        assert!(error.contains("`reset.hosts` is `a.example`: write FROM=TO"), "{error}");
        let error = with("[\"a.example=b.c\", \"A.example=d.e\"]").unwrap_err().to_string();
        assert!(error.ends_with("another entry maps the same host"), "{error}");
        let defaults = with("[]").unwrap().reset;
        assert_eq!(defaults.image_tables, ["images_customimage", "wagtailimages_image"]);
    }
}
