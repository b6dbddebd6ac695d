//! Reads the commands that bcops runs on a one-off dyno.

use std::time::Duration;

use super::layers::Layers;
use super::{SettingsError, keys};

/// Shell commands for a one-off dyno.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    pub migrate: String,
    /// Fails while a migration is not applied. Empty: not run.
    pub migrate_check: String,
    /// Fails if the models have changes without a migration. Empty: not run.
    pub makemigrations_check: String,
    /// The command that `shell` starts.
    pub shell: String,
    /// A command without output for this time is stopped. A person's own commands and shells are
    /// not limited.
    pub silence: Duration,
}

impl Commands {
    pub(super) fn read(layers: &Layers) -> Result<Commands, SettingsError> {
        let shell = keys::COMMANDS_SHELL.value(layers)?.0;
        Ok(Commands {
            migrate: keys::COMMANDS_MIGRATE.value(layers)?.0,
            migrate_check: keys::COMMANDS_MIGRATE_CHECK.value(layers)?.0,
            makemigrations_check: keys::COMMANDS_MAKEMIGRATIONS_CHECK.value(layers)?.0,
            // An empty setting would start nothing.
            shell: match shell.is_empty() {
                true => keys::COMMANDS_SHELL.default_text().to_owned(),
                false => shell,
            },
            silence: keys::COMMANDS_SILENCE.value(layers)?,
        })
    }
}
