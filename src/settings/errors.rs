//! Describes what is wrong with a configuration.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use thiserror::Error;

use super::Settings;
use super::trust::StoreError;
use crate::failure::{CommandError, FailureKind};
use crate::words::{did_you_mean, shell_word};

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
    #[error("{0}")]
    Untrusted(Box<Untrusted>),
    #[error("cannot use {path}: it belongs to the user {owner}, and you are {user}")]
    OtherOwner { path: String, owner: u32, user: u32 },
    #[error(
        "{origin}: cannot set `{key}` to this address: a file that was found, not named, may set only https:// to another machine"
    )]
    OnThisMachine { origin: String, key: String },
    #[error("{origin}: cannot set `{key}`: {environment} is built in with {value}")]
    BuiltInChanged { origin: String, key: String, environment: String, value: String },
    #[error(
        "cannot write to {environment} ({app}): no environment is protected, so bcops does not know what to keep safe"
    )]
    NothingProtected { environment: String, app: String },
    #[error("cannot use the state folder {path}: {reason}")]
    StateFolder { path: String, reason: String },
    #[error(
        "the environment `{environment}` has no Heroku app; set environments.{environment}.app"
    )]
    NoApp { environment: String },
    #[error("cannot write to {environment} ({app}): it is protected; nothing was changed")]
    Protected { environment: String, app: String },
    #[error("unknown environment `{name}`; known environments: {known}")]
    UnknownEnvironment { name: String, known: String },
}

/// A found file that sets keys that need trust.
#[derive(Debug)]
pub struct Untrusted {
    pub path: String,
    /// Whether the user trusted it before it, or a file that it names, changed.
    pub changed: bool,
    pub keys: Vec<String>,
    /// The file's environments, so that commands about them are understood before the file is
    /// trusted.
    pub environments: Vec<String>,
    /// Why trust cannot be looked up.
    pub obstacle: Option<StoreError>,
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.changed {
            true => "it, or a file that it names, changed after you trusted it",
            false => "you have not trusted it",
        };
        let keys: Vec<String> = self.keys.iter().map(|key| format!("`{key}`")).collect();
        write!(f, "cannot use {}: {why}, and it sets {}", self.path, keys.join(", "))
    }
}

impl SettingsError {
    pub(super) fn unreadable(path: &Path, source: std::io::Error) -> SettingsError {
        SettingsError::Unreadable { path: path.display().to_string(), source }
    }

    /// Whether the error is about the trust in a file, and not about its content.
    pub fn is_about_trust(&self) -> bool {
        matches!(
            self,
            SettingsError::Untrusted(_)
                | SettingsError::OtherOwner { .. }
                | SettingsError::OnThisMachine { .. }
        )
    }

    /// The built-in environments and those of the untrusted file, so that a command about them
    /// fails with this error, and not because of an unknown name.
    pub fn known_environments(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = Settings::built_in_environments().into_iter().collect();
        if let SettingsError::Untrusted(untrusted) = self {
            names.extend(untrusted.environments.iter().cloned());
        }
        names.into_iter().collect()
    }
}

impl From<SettingsError> for CommandError {
    fn from(error: SettingsError) -> Self {
        let kind = match &error {
            SettingsError::UnknownEnvironment { .. } => FailureKind::Usage,
            SettingsError::Protected { .. } => FailureKind::Refused,
            SettingsError::Unreadable { .. }
            | SettingsError::Syntax { .. }
            | SettingsError::UnknownKey { .. }
            | SettingsError::WrongType { .. }
            | SettingsError::BadValue { .. }
            | SettingsError::Untrusted(_)
            | SettingsError::OtherOwner { .. }
            | SettingsError::OnThisMachine { .. }
            | SettingsError::BuiltInChanged { .. }
            | SettingsError::NothingProtected { .. }
            | SettingsError::StateFolder { .. }
            | SettingsError::NoApp { .. } => FailureKind::Configuration,
        };
        let hints = hints(&error);
        CommandError::wrap(kind, error).with_hints(hints)
    }
}

fn hints(error: &SettingsError) -> Vec<String> {
    let named =
        |path: &str| format!("to use it once: --config {path}   # or set BCOPS_CONFIG={path}");
    match error {
        SettingsError::Untrusted(untrusted) => {
            let path = shell_word(&untrusted.path);
            let mut hints = vec![format!(
                "to see what it sets and to trust it: bcops config trust {path}"
            )];
            // A record would not be found again, so the file must be named.
            if let Some(obstacle) = &untrusted.obstacle {
                hints.insert(0, obstacle.to_string());
            }
            hints.push(named(&path));
            hints
        }
        SettingsError::OtherOwner { path, .. } => vec![named(&shell_word(path))],
        SettingsError::OnThisMachine { .. } => vec![
            "for a test or a rehearsal, set the key's variable, or name the file with --config"
                .to_owned(),
        ],
        SettingsError::BuiltInChanged { .. } => vec![
            "for another app, add an environment: [environments.NAME]".to_owned(),
            "for another site, set inherit = false and describe each environment".to_owned(),
        ],
        SettingsError::StateFolder { .. } => {
            vec!["set BCOPS_STATE_DIR to a folder of your own, or to a new folder".to_owned()]
        }
        SettingsError::NothingProtected { .. } => vec![
            "set protected = true for the environment that must never be written to, usually production"
                .to_owned(),
        ],
        SettingsError::UnknownEnvironment { name, known } => {
            let near = did_you_mean(name, known.split(", "));
            vec![near.unwrap_or_else(|| "bcops config show   # lists the environments".to_owned())]
        }
        SettingsError::UnknownKey { .. }
        | SettingsError::WrongType { .. }
        | SettingsError::BadValue { .. } => {
            vec!["bcops config init --template known-keys.toml   # writes every key with its meaning".to_owned()]
        }
        SettingsError::NoApp { environment } => vec![format!("set environments.{environment}.app in bcops.toml")],
        SettingsError::Unreadable { .. } => vec!["bcops config path   # lists the files that are read".to_owned()],
        SettingsError::Syntax { .. } | SettingsError::Protected { .. } => Vec::new(),
    }
}
