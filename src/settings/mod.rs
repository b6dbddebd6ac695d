//! Resolves flags, environment variables, files and built-in defaults to plain values with their
//! origins.
//!
//! Every setting is declared once, in [`keys`]. A private module reads the files, and commands see
//! the typed [`Settings`].

mod built_in_rules;
mod check;
mod commands;
mod destination;
mod digest;
mod effective;
mod errors;
mod files;
mod hosts;
pub mod keys;
mod layers;
mod manifest_file;
mod owner;
mod search;
pub mod trust;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use check::{BadConnectTo, Check, ConnectTo};
pub use commands::Commands;
pub use destination::Destination;
pub use effective::Effective;
pub use errors::{SettingsError, Untrusted};
pub use files::{FOUND_NAME, nearest_file};
pub use hosts::{BadMapping, HostMapping, HostName};
pub use keys::parse_duration;
pub use layers::{FileTrust, Layers, Origin, RawValue, ReadFile, Sourced};
pub use manifest_file::{Belief, ManifestFile};
pub use owner::Operator;
pub use search::{EARLIEST_PREFIX, IndexRule, Rows, Search};

use crate::secret::Secret;

/// The effective configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether the configuration inherits the built-in site.
    pub inherits: bool,
    pub environments: BTreeMap<String, Environment>,
    pub local: Local,
    pub media: Media,
    pub search: Search,
    /// A backup older than this needs a confirmation.
    pub backup_max_age: Sourced<Duration>,
    /// The user's own manifest instead of, or on top of, the built-in one.
    pub scrub_manifest: Option<ManifestFile>,
    /// How a pull treats unclassified tables and columns.
    pub unclassified: Unclassified,
    pub heroku_host: Option<Sourced<String>>,
    pub heroku_data_host: Option<Sourced<String>>,
    pub heroku_git_host: Option<Sourced<String>>,
    pub git: Git,
    pub gitlab: Gitlab,
    pub check: Check,
    pub reset: Reset,
    pub cloudflare_base_url: Option<Sourced<String>>,
    pub cache: Cache,
    pub commands: Commands,
    /// How long one answer of an HTTP API may take. `None` means each client's own limit.
    pub network_timeout: Option<Duration>,
    /// Where messages for colleagues are posted.
    pub slack_webhook: Option<Sourced<Secret>>,
    pub state_directory: Sourced<PathBuf>,
    /// Whether the terminal notifies at the end of a long run.
    pub notify: Notify,
    /// The files that were read, strongest first.
    pub files: Vec<ReadFile>,
    /// Every value as it was given, for `config show`.
    given: BTreeMap<Vec<String>, Sourced<RawValue>>,
}

/// How a pull treats tables and columns that the manifest does not classify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Unclassified {
    /// Stop the pull, and print the lines to add to the manifest
    Stop,
    /// Load a table without rows, and a column as NULL, its default or an empty value
    Empty,
}

/// How the terminal notifies at the end of a long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    Off,
    Bell,
    Desktop,
}

/// One deployment of the site.
#[derive(Debug, Clone)]
pub struct Environment {
    pub name: String,
    pub app: Sourced<String>,
    /// A protected environment can be a source and never a destination.
    pub protected: bool,
    /// Whether any environment of the configuration is protected. If none is, bcops writes to
    /// nothing remote, because it does not know what to keep safe.
    pub(in crate::settings) something_is_protected: bool,
    pub branch: Option<String>,
    pub sites: Vec<String>,
    /// The config var that holds the database's URL.
    pub database_url_variable: String,
    pub bucket_variables: BucketVariables,
    /// The config var that holds the search cluster's URL.
    pub search_url_variable: String,
    pub cache_variables: CacheVariables,
    pub known: Known,
    /// Config vars that may name resources of a protected environment.
    pub accept: Vec<String>,
}

/// The resources of an environment according to trusted configuration, for people who cannot ask
/// Heroku.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Names and ids.
    pub apps: Vec<String>,
    /// `HOST[:PORT]/NAME`
    pub databases: Vec<String>,
    /// `NAME[@ENDPOINT]`
    pub buckets: Vec<String>,
    /// `HOST:PORT`
    pub redis: Vec<String>,
    /// `HOST[:PORT]`
    pub search: Vec<String>,
    /// Ids of zones.
    pub zones: Vec<String>,
}

/// The config vars of an environment's caches: Django's, and Cloudflare in front of the site.
#[derive(Debug, Clone)]
pub struct CacheVariables {
    pub redis_tls_url: String,
    pub redis_url: String,
    pub bearer_token: String,
    /// The account-wide key. `email` is its address.
    pub token: String,
    pub email: String,
    pub zone: String,
}

/// How Django names the entries of its cache.
#[derive(Debug, Clone)]
pub struct Cache {
    pub key_prefix: String,
    /// Used if there is no Redis.
    pub table: String,
    /// The database of the same Redis that caches renditions, if there is one.
    pub renditions_database: Option<u16>,
}

/// The config vars of an environment's bucket.
#[derive(Debug, Clone)]
pub struct BucketVariables {
    pub bucket: String,
    pub access_key: String,
    pub secret_key: String,
    pub session_token: String,
    pub region: String,
    pub endpoint: String,
}

/// The media of a bucket, and their folder on this machine.
#[derive(Debug, Clone)]
pub struct Media {
    pub folder: Sourced<PathBuf>,
    /// Each ends in a slash. Other objects are neither copied nor deleted.
    pub prefixes: Vec<String>,
    /// The prefix of `--images`.
    pub originals: String,
    /// The tables of the images' smaller versions, which `--images` empties.
    pub rendition_tables: Vec<String>,
    /// A canned ACL for written objects. `None` sends no ACL.
    pub acl: Option<String>,
    /// Used if a config var names none. `None` means AWS.
    pub endpoint: Option<Sourced<String>>,
}

/// The site's repository.
#[derive(Debug, Clone)]
pub struct Git {
    pub remote: String,
    /// Its URL, for a machine without a clone.
    pub url: Option<Sourced<Secret>>,
    /// A branch whose last commit is older is marked as stale.
    pub stale_after: Sourced<Duration>,
}

/// The site's project on GitLab.
#[derive(Debug, Clone)]
pub struct Gitlab {
    pub url: Sourced<String>,
    /// Its path with its groups, or its number.
    pub project: Sourced<String>,
}

/// What `reset-staging` must know about the site's database.
#[derive(Debug, Clone)]
pub struct Reset {
    /// Missing tables are skipped.
    pub image_tables: Vec<String>,
    pub document_tables: Vec<String>,
    /// The new names of production's hosts in the Site records. No host is mapped twice.
    pub hosts: Vec<HostMapping>,
}

/// The resources on this machine.
#[derive(Debug, Clone)]
pub struct Local {
    /// Only the council's site has a default.
    pub database_url: Option<Sourced<Secret>>,
    pub allowed_hosts: Vec<String>,
    /// The table of Django's users, for `--set-password`.
    pub users_table: String,
}

/// The process environment that settings are read from, so that tests can supply their own.
pub struct ProcessEnv<'a> {
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    pub working_directory: &'a Path,
    pub home: Option<&'a Path>,
    /// `--config`, which replaces the search for `bcops.toml`. `BCOPS_CONFIG` does the same.
    pub config_file: Option<&'a Path>,
}

impl Settings {
    pub fn load(process: &ProcessEnv<'_>) -> Result<Settings, SettingsError> {
        values::build(Layers::read(process)?, process)
    }

    /// The settings without a found `bcops.toml`, for commands that must work whatever that file
    /// says.
    pub fn load_without_found_file(process: &ProcessEnv<'_>) -> Result<Settings, SettingsError> {
        values::build(Layers::read_without_found_file(process)?, process)
    }

    /// The built-in settings only.
    pub fn built_in(process: &ProcessEnv<'_>) -> Result<Settings, SettingsError> {
        values::build(Layers::built_in()?, process)
    }

    /// The names of the built-in environments.
    pub fn built_in_environments() -> Vec<String> {
        let layers = Layers::built_in().unwrap_or_default();
        let names = layers
            .values
            .keys()
            .filter(|name| name.first().is_some_and(|first| first == "environments"));
        let names: BTreeSet<&String> = names.filter_map(|name| name.get(1)).collect();
        names.into_iter().cloned().collect()
    }

    /// Refuses a state folder that another user could have filled or can write to, because journals
    /// decide what a resumed run does.
    pub fn check_state_folder(&self) -> Result<(), SettingsError> {
        let folder = &self.state_directory.value;
        let operator = Operator::of_this_process();
        match crate::private_folder::others_in(folder, |found| operator.owns(found)) {
            None => Ok(()),
            Some(reason) => {
                Err(SettingsError::StateFolder { path: folder.display().to_string(), reason })
            }
        }
    }

    pub fn environment(&self, name: &str) -> Result<&Environment, SettingsError> {
        self.environments.get(name).ok_or_else(|| SettingsError::UnknownEnvironment {
            name: name.to_owned(),
            known: self.environments.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }
}
