//! Flags, environment variables, files and built-in defaults, resolved to plain values that each
//! know where they came from.
//!
//! Every setting is declared once, in [`keys`]. A private module reads the files, and the typed
//! [`Settings`] are what commands see.

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
pub use search::{IndexRule, Rows, Search};

use crate::secret::Secret;

/// The effective configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether the built-in site is a part of this configuration.
    pub inherits: bool,
    pub environments: BTreeMap<String, Environment>,
    pub local: Local,
    pub media: Media,
    pub search: Search,
    /// A backup older than this is not used without a question.
    pub backup_max_age: Sourced<Duration>,
    /// The user's own manifest instead of, or on top of, the built-in one.
    pub scrub_manifest: Option<ManifestFile>,
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
    /// Whether the terminal notifies at the end of a long run.
    pub notify: Notify,
    /// The files that were read, the strongest first.
    pub files: Vec<ReadFile>,
    /// Every value as it was given, for `config show`.
    given: BTreeMap<Vec<String>, Sourced<RawValue>>,
}

/// What becomes of tables and columns that the manifest does not class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Unclassified {
    /// They stop the pull, with the lines to add to the manifest
    Stop,
    /// A table is loaded without rows, a column as NULL, its default or an empty value
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
    /// Whether any environment of the configuration is protected. Where none is, nobody has said
    /// what must not be written to, and nothing remote is.
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
    /// Config vars that may name what belongs to a protected environment.
    pub accept: Vec<String>,
}

/// What belongs to an environment, as trusted configuration says: for those who cannot ask Heroku.
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
    /// The database of the same Redis that holds the cache of renditions. `None` without one.
    pub renditions_database: Option<u16>,
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

/// The process's process that settings are taken from, so that tests can give their own.
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

    /// The settings as they are without a `bcops.toml` that is only found: for what has to work
    /// whatever that file says.
    pub fn load_without_found_file(process: &ProcessEnv<'_>) -> Result<Settings, SettingsError> {
        values::build(Layers::read_without_found_file(process)?, process)
    }

    /// The built-in settings alone.
    pub fn built_in(process: &ProcessEnv<'_>) -> Result<Settings, SettingsError> {
        values::build(Layers::built_in()?, process)
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

    /// Refuses a state folder that another user could have filled, or can write to: journals decide
    /// what a resumed run does.
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
