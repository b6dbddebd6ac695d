//! The exit codes of what is wrong with the settings.

use crate::failure::{CommandError, FailureKind};
use crate::settings::SettingsError;
use crate::settings::trust::StoreError;
use crate::words::shell_word;

impl From<SettingsError> for CommandError {
    fn from(error: SettingsError) -> Self {
        let kind = match &error {
            SettingsError::UnknownEnvironment { .. } => FailureKind::Usage,
            SettingsError::Protected { .. } => FailureKind::Refused,
            _ => FailureKind::Configuration,
        };
        let hints = hints(&error);
        hints.into_iter().fold(CommandError::wrap(kind, error), CommandError::hint)
    }
}

fn hints(error: &SettingsError) -> Vec<String> {
    let named = |path: &str| {
        format!("to use it this once: --config {path}   # BCOPS_CONFIG={path} does the same")
    };
    match error {
        SettingsError::Untrusted(untrusted) => {
            let path = shell_word(&untrusted.path);
            let mut hints = vec![format!(
                "to see what it sets, and to trust it: bcops config trust {path}"
            )];
            // The record would not be found again, so that naming the file is the way.
            if let Some(obstacle) = &untrusted.obstacle {
                hints.insert(0, obstacle.to_string());
            }
            hints.push(named(&path));
            hints
        }
        SettingsError::OtherOwner { path, .. } => vec![named(&shell_word(path))],
        SettingsError::OnThisMachine { .. } => vec![
            "for a test or a rehearsal: set the variable of the key, or name the file with --config"
                .to_owned(),
        ],
        SettingsError::BuiltInChanged { .. } => vec![
            "for another app: give it an environment of its own, [environments.NAME]".to_owned(),
            "for another site: set inherit = false, and describe each of its environments".to_owned(),
        ],
        SettingsError::StateFolder { .. } => {
            vec!["set BCOPS_STATE_DIR to a folder of your own, or to one that is not there yet".to_owned()]
        }
        SettingsError::NothingProtected { .. } => vec![
            "set protected = true for the environment that must never be written to, mostly production"
                .to_owned(),
        ],
        _ => Vec::new(),
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let hint = match &error {
            StoreError::NoHome => Some("set HOME, or name the file: --config FILE"),
            StoreError::InWorkingTree { .. } => Some(
                "set XDG_CONFIG_HOME to a folder outside of it, or name the file: --config FILE",
            ),
            StoreError::OtherWriters { .. } => Some(
                "look at what is in it, then take the folder and its files for yourself alone: chmod -R go-w",
            ),
            StoreError::Read { .. } | StoreError::Write { .. } => None,
        };
        CommandError::wrap(FailureKind::Configuration, error).with_hints(hint)
    }
}
