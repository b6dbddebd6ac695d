//! The exit codes of what is wrong with the settings.

use super::{CommandError, Kind, wrap};
use crate::settings::SettingsError;

impl From<SettingsError> for CommandError {
    fn from(error: SettingsError) -> Self {
        let kind = match &error {
            SettingsError::UnknownEnvironment { .. } => Kind::Usage,
            SettingsError::Protected { .. } => Kind::Refused,
            _ => Kind::Configuration,
        };
        wrap(kind, error)
    }
}
