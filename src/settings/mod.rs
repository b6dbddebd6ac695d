//! Flags, environment variables, files and built-in defaults, resolved to plain values that each
//! know where they came from.
//!
//! Every setting is declared once, in [`keys`]. A private module reads the files, and the typed
//! [`Settings`] are what commands see.

mod check;
mod commands;
mod destination;
mod effective;
mod found_file;
mod hosts;
pub mod keys;
mod layers;
mod search;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

pub use check::{BadConnectTo, Check, ConnectTo};
pub use commands::Commands;
pub use destination::Destination;
pub use effective::Effective;
pub use hosts::{BadMapping, HostMapping, HostName};
pub use layers::{Layers, Origin, RawValue, Sourced};
pub use search::{IndexRule, Rows, Search};
pub use values::parse_duration;

use crate::secret::Secret;

#[derive(Debug, Error)]
pub enum SettingsError {
    #[error("cannot read the configuration file {path}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("{path}:{line}: {message}")]
    Syntax { path: String, line: usize, message: String },
    #[error("{path}:{line}: unknown key `{key}`{}", suggestion.as_ref().map(|near| format!(", did you mean `{near}`?")).unwrap_or_default())]
    UnknownKey { path: String, line: usize, key: String, suggestion: Option<String> },
    #[error("{origin}: `{key}` must be {expected}")]
    WrongType { origin: String, key: String, expected: &'static str },
    #[error("{origin}: `{key}` is `{value}`: {reason}")]
    BadValue { origin: String, key: String, value: String, reason: String },
    #[error("{origin}: `{key}` may not come from a file that was found, not named: {reason}")]
    TooFar { origin: String, key: String, reason: &'static str },
    #[error("the environment `{environment}` has no Heroku app")]
    NoApp { environment: String },
    #[error("{environment} ({app}) is protected: it is only ever read; nothing was changed")]
    Protected { environment: String, app: String },
    #[error("unknown environment `{name}`; configured are: {known}")]
    UnknownEnvironment { name: String, known: String },
}

/// The effective configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    pub environments: BTreeMap<String, Environment>,
    pub local: Local,
    pub media: Media,
    pub search: Search,
    /// A backup older than this is not used without a question.
    pub backup_max_age: Sourced<Duration>,
    /// The user's own manifest instead of, or on top of, the built-in one.
    pub scrub_manifest: Option<Sourced<PathBuf>>,
    /// What a pull does with tables and columns without a class.
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
    /// How long one answer of an HTTP API may take. Each client has a limit of its own without it.
    pub network_timeout: Option<Duration>,
    /// Where messages for colleagues are posted.
    pub slack_webhook: Option<Sourced<Secret>>,
    pub state_directory: Sourced<PathBuf>,
    /// The files that were read, the strongest first.
    pub files: Vec<PathBuf>,
    /// Every value as it was given, for `config show`.
    given: BTreeMap<Vec<String>, Sourced<RawValue>>,
}

/// What becomes of tables and columns that the manifest does not class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclassified {
    /// They stop the pull.
    Stop,
    /// They are loaded without their contents.
    Empty,
}

/// One deployment of the site.
#[derive(Debug, Clone)]
pub struct Environment {
    pub name: String,
    pub app: Sourced<String>,
    /// A protected environment can be a source and never a destination.
    pub protected: bool,
    pub branch: Option<String>,
    pub sites: Vec<String>,
    /// The config var that holds the database's URL.
    pub database_url_variable: String,
    pub bucket_variables: BucketVariables,
    /// The config var that holds the search cluster's URL.
    pub search_url_variable: String,
    pub cache_variables: CacheVariables,
}

/// The config vars that tell of an environment's caches: Django's, and Cloudflare before the site.
#[derive(Debug, Clone)]
pub struct CacheVariables {
    pub redis_tls_url: String,
    pub redis_url: String,
    pub bearer_token: String,
    /// The account-wide key, and the address that goes with it.
    pub token: String,
    pub email: String,
    pub zone: String,
}

/// How Django names what it keeps in its cache.
#[derive(Debug, Clone)]
pub struct Cache {
    pub key_prefix: String,
    /// Where there is no Redis.
    pub table: String,
}

/// The config vars that tell of an environment's bucket.
#[derive(Debug, Clone)]
pub struct BucketVariables {
    pub bucket: String,
    pub access_key: String,
    pub secret_key: String,
    pub session_token: String,
    pub region: String,
    pub endpoint: String,
}

/// What of a bucket is media, and where it is on this machine.
#[derive(Debug, Clone)]
pub struct Media {
    pub folder: Sourced<PathBuf>,
    /// Each ends in a slash. What lies elsewhere is neither copied nor deleted.
    pub prefixes: Vec<String>,
    /// The prefix of `--images`.
    pub originals: String,
    /// The tables of the images' smaller versions, which `--images` empties.
    pub rendition_tables: Vec<String>,
    /// A canned ACL for what is written; none is sent without it.
    pub acl: Option<String>,
    /// Where a config var names none. `None` is AWS.
    pub endpoint: Option<Sourced<String>>,
}

/// The site's repository.
#[derive(Debug, Clone)]
pub struct Git {
    pub remote: String,
    /// Where it is, for a machine without a clone.
    pub url: Option<Sourced<Secret>>,
    /// A branch whose last commit is older is marked as stale.
    pub stale_after: Sourced<Duration>,
}

/// Where the site's project is on GitLab.
#[derive(Debug, Clone)]
pub struct Gitlab {
    pub url: Sourced<String>,
    /// Its path with its groups, or its number.
    pub project: Sourced<String>,
}

/// What `reset-staging` has to know of the site's database.
#[derive(Debug, Clone)]
pub struct Reset {
    /// Tables that are not there are passed over.
    pub image_tables: Vec<String>,
    pub document_tables: Vec<String>,
    /// What production's host names become in the Site records. No host is mapped twice.
    pub hosts: Vec<HostMapping>,
}

/// What is on this machine.
#[derive(Debug, Clone)]
pub struct Local {
    /// Only the council's site has one that nobody needs to write down.
    pub database_url: Option<Sourced<Secret>>,
    pub allowed_hosts: Vec<String>,
    /// The table of Django's users, for `--set-password`.
    pub users_table: String,
}

/// The process's surroundings that settings are taken from, so that tests can give their own.
pub struct Surroundings<'a> {
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    pub working_directory: &'a Path,
    pub home: Option<&'a Path>,
    /// `--config`, which replaces the search for `bcops.toml`.
    pub config_file: Option<&'a Path>,
}

impl Settings {
    pub fn load(surroundings: &Surroundings<'_>) -> Result<Settings, SettingsError> {
        values::build(Layers::read(surroundings)?, surroundings)
    }

    /// The names of the environments that are there without any file.
    pub fn built_in_environments() -> Vec<String> {
        let layers = Layers::built_in().unwrap_or_default();
        let names = layers
            .values
            .keys()
            .filter(|name| name.first().is_some_and(|first| first == "environments"));
        let names: BTreeSet<&String> = names.filter_map(|name| name.get(1)).collect();
        names.into_iter().cloned().collect()
    }

    pub fn environment(&self, name: &str) -> Result<&Environment, SettingsError> {
        self.environments.get(name).ok_or_else(|| SettingsError::UnknownEnvironment {
            name: name.to_owned(),
            known: self.environments.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }
}
