//! Builds the typed settings from the flat map of layers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::layers::{Layers, Origin, RawValue, Sourced};
use super::{
    BadMapping, Belief, BucketVariables, Cache, CacheVariables, Check, Commands, Environment,
    FileTrust, Git, Gitlab, HostMapping, Known, Local, ManifestFile, Media, Reset, Search,
    Settings, SettingsError, Surroundings, Unclassified, built_in_rules,
};
use crate::secret::Secret;

pub fn build(layers: Layers, surroundings: &Surroundings<'_>) -> Result<Settings, SettingsError> {
    let local = Local {
        database_url: text(&layers, &["local", "database_url"])
            .map(|found| Sourced { value: Secret::url(found.value), origin: found.origin }),
        allowed_hosts: list(&layers, &["local", "allowed_hosts"]),
        users_table: text(&layers, &["local", "users_table"])
            .map_or_else(|| "auth_user".to_owned(), |found| found.value),
    };
    Ok(Settings {
        inherits: layers.inherits(),
        environments: environments(&layers)?,
        local,
        media: media(&layers, surroundings)?,
        search: Search::build(&layers)?,
        backup_max_age: duration(&layers, &["backup_max_age"], 48 * 3600)?,
        scrub_manifest: text(&layers, &["scrub", "manifest"]).map(|given| {
            let belief = manifest_belief(&layers, &given.origin);
            ManifestFile::new(relative(given, surroundings), belief)
        }),
        unclassified: unclassified(&layers)?,
        heroku_host: text(&layers, &["heroku", "host"]),
        heroku_data_host: text(&layers, &["heroku", "data_host"]),
        heroku_git_host: text(&layers, &["heroku", "git_host"]),
        git: git(&layers)?,
        gitlab: gitlab(&layers),
        check: Check::build(&layers)?,
        reset: reset(&layers)?,
        cloudflare_base_url: text(&layers, &["cloudflare", "base_url"]),
        cache: Cache {
            key_prefix: text(&layers, &["cache", "key_prefix"])
                .map_or_else(String::new, |found| found.value),
            table: text(&layers, &["cache", "table"])
                .map_or_else(|| "database_cache".to_owned(), |found| found.value),
            renditions_database: renditions_database(&layers)?,
        },
        commands: Commands::read(
            &layers,
            duration(&layers, &["commands", "silence"], 15 * 60)?.value,
        ),
        network_timeout: match layers.get(&["network", "timeout"]) {
            Some(_) => Some(duration(&layers, &["network", "timeout"], 0)?.value),
            None => None,
        },
        slack_webhook: text(&layers, &["slack", "webhook_url"])
            .map(|found| Sourced { value: Secret::new(found.value), origin: found.origin }),
        state_directory: state_directory(&layers, surroundings),
        files: layers.files,
        given: layers.values,
    })
}

fn unclassified(layers: &Layers) -> Result<Unclassified, SettingsError> {
    let name = ["scrub", "unclassified"];
    let Some(found) = text(layers, &name) else { return Ok(Unclassified::Stop) };
    match found.value.as_str() {
        "stop" => Ok(Unclassified::Stop),
        "empty" => Ok(Unclassified::Empty),
        _ => Err(SettingsError::BadValue {
            origin: found.origin.to_string(),
            key: name.join("."),
            value: found.value,
            reason: "it can be \"stop\" or \"empty\"".to_owned(),
        }),
    }
}

fn text(layers: &Layers, name: &[&str]) -> Option<Sourced<String>> {
    match layers.get(name) {
        Some(Sourced { value: RawValue::Text(text), origin }) => {
            Some(Sourced { value: text.clone(), origin: origin.clone() })
        }
        _ => None,
    }
}

/// What a found file names is believed as far as that file is.
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

fn list(layers: &Layers, name: &[&str]) -> Vec<String> {
    match layers.get(name) {
        Some(Sourced { value: RawValue::TextList(items), .. }) => items.clone(),
        _ => Vec::new(),
    }
}

/// An empty list says as little as none.
fn list_or(layers: &Layers, name: &[&str], built_in: &[&str]) -> Vec<String> {
    match list(layers, name) {
        given if !given.is_empty() => given,
        _ => built_in.iter().map(|one| (*one).to_owned()).collect(),
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
    let key = |last: &'static str| ["environments", name, last];
    let app = text(layers, &key("app"))
        .ok_or_else(|| SettingsError::NoApp { environment: name.to_owned() })?;
    built_in_rules::check_app(&app, name)?;
    let protected = match layers.get(&key("protected")) {
        Some(Sourced { value: RawValue::Boolean(protected), .. }) => *protected,
        // An environment of which nobody has said that it may be written to is only read.
        _ => true,
    };
    Ok(Environment {
        name: name.to_owned(),
        app,
        protected,
        something_is_protected: built_in_rules::something_is_protected(layers),
        branch: text(layers, &key("branch")).map(|found| found.value),
        sites: list(layers, &key("sites")),
        database_url_variable: text(layers, &["environments", name, "config_vars", "database_url"])
            .map_or_else(|| "DATABASE_URL".to_owned(), |found| found.value),
        bucket_variables: bucket_variables(layers, name),
        search_url_variable: text(layers, &["environments", name, "config_vars", "search_url"])
            .map_or_else(|| "BONSAI_URL".to_owned(), |found| found.value),
        cache_variables: cache_variables(layers, name),
        known: known(layers, name),
        accept: list(layers, &key("accept")),
    })
}

fn known(layers: &Layers, name: &str) -> Known {
    let names = |last: &str| list(layers, &["environments", name, "known", last]);
    Known {
        apps: names("apps"),
        databases: names("databases"),
        buckets: names("buckets"),
        redis: names("redis"),
        search: names("search"),
        zones: names("zones"),
    }
}

/// The name of a config var of an environment.
fn config_var(layers: &Layers, name: &str, last: &str, default: &str) -> String {
    text(layers, &["environments", name, "config_vars", last])
        .map_or_else(|| default.to_owned(), |found| found.value)
}

fn cache_variables(layers: &Layers, name: &str) -> CacheVariables {
    let variable = |last: &str, default: &str| config_var(layers, name, last, default);
    CacheVariables {
        redis_tls_url: variable("redis_tls_url", "REDIS_TLS_URL"),
        redis_url: variable("redis_url", "REDIS_URL"),
        bearer_token: variable("cloudflare_bearer_token", "FRONTEND_CACHE_CLOUDFLARE_BEARER_TOKEN"),
        token: variable("cloudflare_token", "FRONTEND_CACHE_CLOUDFLARE_TOKEN"),
        email: variable("cloudflare_email", "FRONTEND_CACHE_CLOUDFLARE_EMAIL"),
        zone: variable("cloudflare_zone", "FRONTEND_CACHE_CLOUDFLARE_ZONEID"),
    }
}

fn bucket_variables(layers: &Layers, name: &str) -> BucketVariables {
    let variable = |last: &str, default: &str| config_var(layers, name, last, default);
    BucketVariables {
        bucket: variable("bucket", "AWS_STORAGE_BUCKET_NAME"),
        access_key: variable("access_key", "AWS_ACCESS_KEY_ID"),
        secret_key: variable("secret_key", "AWS_SECRET_ACCESS_KEY"),
        session_token: variable("session_token", "AWS_SESSION_TOKEN"),
        region: variable("region", "AWS_S3_REGION_NAME"),
        endpoint: variable("endpoint", "AWS_ENDPOINT_URL_S3"),
    }
}

fn media(layers: &Layers, surroundings: &Surroundings<'_>) -> Result<Media, SettingsError> {
    let or_built_in = |name, built_in: &[&str]| list_or(layers, &["media", name], built_in);
    let folder = text(layers, &["media", "folder"])
        .unwrap_or(Sourced { value: "media".to_owned(), origin: Origin::BuiltIn });
    let mut prefixes = Vec::new();
    for prefix in or_built_in("prefixes", &["original_images/", "images/", "documents/"]) {
        prefixes.push(media_prefix("media.prefixes", &prefix, layers)?);
    }
    prefixes.sort();
    let nested =
        prefixes.iter().zip(prefixes.iter().skip(1)).find(|(one, two)| two.starts_with(*one));
    if let Some((_, inner)) = nested {
        let reason = "it lies inside another one".to_owned();
        return Err(bad_value(layers, "media.prefixes", inner, reason));
    }
    let originals = text(layers, &["media", "originals"])
        .map_or_else(|| "original_images/".to_owned(), |found| found.value);
    Ok(Media {
        folder: relative(folder, surroundings),
        prefixes,
        originals: media_prefix("media.originals", &originals, layers)?,
        rendition_tables: or_built_in(
            "rendition_tables",
            &["images_rendition", "wagtailimages_rendition"],
        ),
        acl: text(layers, &["media", "acl"]).map(|found| found.value),
        endpoint: text(layers, &["media", "endpoint"]),
    })
}

/// A folder of the bucket, with the slash at its end, which is no part of anything else.
fn media_prefix(key: &str, given: &str, layers: &Layers) -> Result<String, SettingsError> {
    let folder = given.trim_end_matches('/');
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if !folder.split('/').all(plain) || folder.contains('\0') {
        let reason = "write a folder of the bucket, for example \"images/\"".to_owned();
        return Err(bad_value(layers, key, given, reason));
    }
    Ok(format!("{folder}/"))
}

fn bad_value(layers: &Layers, key: &str, value: &str, reason: String) -> SettingsError {
    let parts: Vec<&str> = key.split('.').collect();
    let origin = layers.get(&parts).map_or(Origin::BuiltIn, |found| found.origin.clone());
    SettingsError::BadValue {
        origin: origin.to_string(),
        key: key.to_owned(),
        value: value.to_owned(),
        reason,
    }
}

/// The site keeps renditions beside its default cache, in the database with the next number.
fn renditions_database(layers: &Layers) -> Result<Option<u16>, SettingsError> {
    let Some(found) = text(layers, &["cache", "renditions_database"]) else { return Ok(Some(1)) };
    match found.value.trim() {
        "none" => Ok(None),
        number => number.parse().map(Some).map_err(|_| SettingsError::BadValue {
            key: "cache.renditions_database".to_owned(),
            value: found.value.clone(),
            origin: found.origin.to_string(),
            reason: "write the number of a database in quotes, or \"none\"".to_owned(),
        }),
    }
}

fn reset(layers: &Layers) -> Result<Reset, SettingsError> {
    let mut hosts: Vec<HostMapping> = Vec::new();
    for given in list(layers, &["reset", "hosts"]) {
        let bad = |reason: String| bad_value(layers, "reset.hosts", &given, reason);
        let mapping: HostMapping =
            given.parse().map_err(|error: BadMapping| bad(error.to_string()))?;
        if hosts.iter().any(|other| other.is_from_the_same(&mapping)) {
            return Err(bad("another entry maps the same host".to_owned()));
        }
        hosts.push(mapping);
    }
    Ok(Reset {
        image_tables: list_or(
            layers,
            &["reset", "image_tables"],
            &["images_customimage", "wagtailimages_image"],
        ),
        document_tables: list_or(
            layers,
            &["reset", "document_tables"],
            &["documents_customdocument", "wagtaildocs_document"],
        ),
        hosts,
    })
}

fn git(layers: &Layers) -> Result<Git, SettingsError> {
    let remote = text(layers, &["git", "remote"]);
    let url = text(layers, &["git", "url"]);
    Ok(Git {
        remote: remote.map_or_else(|| "origin".to_owned(), |found| found.value),
        url: url.map(|found| Sourced { value: Secret::url(found.value), origin: found.origin }),
        stale_after: duration(layers, &["git", "stale_after"], 90 * 86_400)?,
    })
}

fn gitlab(layers: &Layers) -> Gitlab {
    let text_or = |name: &str, built_in: &str| {
        text(layers, &["gitlab", name])
            .unwrap_or(Sourced { value: built_in.to_owned(), origin: Origin::BuiltIn })
    };
    Gitlab { url: text_or("url", "https://gitlab.com"), project: text_or("project", "") }
}

fn duration(
    layers: &Layers,
    name: &[&str],
    default_seconds: u64,
) -> Result<Sourced<Duration>, SettingsError> {
    let Some(Sourced { value, origin }) = text(layers, name) else {
        let value = Duration::from_secs(default_seconds);
        return Ok(Sourced { value, origin: Origin::BuiltIn });
    };
    match parse_duration(&value) {
        Some(duration) => Ok(Sourced { value: duration, origin }),
        None => Err(SettingsError::BadValue {
            origin: origin.to_string(),
            key: name.join("."),
            value,
            reason: "write a number with s, m, h or d, for example \"48h\"".to_owned(),
        }),
    }
}

/// `90s`, `30m`, `48h` or `7d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// A path in a file is relative to that file, one from a variable to the working directory.
fn relative(found: Sourced<String>, surroundings: &Surroundings<'_>) -> Sourced<PathBuf> {
    let folder = match &found.origin {
        Origin::File { path, .. } => path.parent().map(PathBuf::from).unwrap_or_default(),
        _ => surroundings.working_directory.to_owned(),
    };
    Sourced { value: folder.join(found.value), origin: found.origin }
}

fn state_directory(layers: &Layers, surroundings: &Surroundings<'_>) -> Sourced<PathBuf> {
    if let Some(found) = text(layers, &["state_dir"]) {
        return relative(found, surroundings);
    }
    let folder = (surroundings.variable)("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| {
            surroundings.home.map(|home| {
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

    use super::*;

    fn load(folder: &Path, variables: &HashMap<&str, &str>) -> Result<Settings, SettingsError> {
        // Trust is what the tests of `trust` are about: here a file is named.
        Settings::load(&Surroundings {
            variable: &|name| variables.get(name).map(|value| (*value).to_owned()),
            working_directory: folder,
            home: None,
            config_file: crate::settings::nearest(folder).as_deref(),
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
    fn another_site_leaves_the_built_in_environments_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("bcops.toml"),
            "inherit = false\n[environments.live]\napp = \"other-live\"\n",
        )
        .unwrap();
        let settings = load(folder.path(), &HashMap::new()).unwrap();
        assert_eq!(settings.environments.keys().collect::<Vec<_>>(), ["live"]);
        // What the council's site has of its own is not taken for that of another one.
        assert!(settings.local.database_url.is_none() && settings.search.indices.is_empty());
        assert_eq!(settings.local.users_table, "auth_user");
        assert_eq!(settings.gitlab.url.value, "https://gitlab.com");
        assert_eq!(settings.gitlab.project.value, "");
        // Nobody said that it may be written to.
        assert!(settings.environments["live"].protected);
        let error = settings.environment("production").unwrap_err().to_string();
        assert_eq!(error, "unknown environment `production`; configured are: live");
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

    #[test]
    fn durations() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("2d"), Some(Duration::from_secs(172_800)));
        assert_eq!(parse_duration("2"), None);
        assert_eq!(parse_duration("h"), None);
        assert_eq!(parse_duration("é"), None);
        assert_eq!(parse_duration("99999999999999999999d"), None);
    }
}
