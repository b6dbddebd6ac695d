//! The exit codes of what is wrong with the settings.

use super::{CommandError, Kind, with_hint, wrap};
use crate::settings::SettingsError;

impl From<SettingsError> for CommandError {
    fn from(error: SettingsError) -> Self {
        let kind = match &error {
            SettingsError::UnknownEnvironment { .. } => Kind::Usage,
            SettingsError::Protected { .. } | SettingsError::TooFar { .. } => Kind::Refused,
            _ => Kind::Configuration,
        };
        let hint = matches!(error, SettingsError::TooFar { .. })
            .then_some("if it is meant: name the file with --config, or write it into ~/.config/bcops/config.toml");
        with_hint(wrap(kind, error), hint)
    }
}
