//! The commands that bcops runs on a one-off dyno.

use std::time::Duration;

use super::layers::Layers;
use super::{SettingsError, keys};

/// Shell commands, as they are run where the app runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    pub migrate: String,
    /// Ends with another status than 0 while a migration is not applied. Empty: it is not asked.
    pub migrate_check: String,
    /// Ends with another status than 0 where the models have changes without a migration. Empty: it
    /// is not asked.
    pub makemigrations_check: String,
    /// What `shell` starts.
    pub shell: String,
    /// One that says nothing for so long hangs, and is stopped. A person's own commands and shells
    /// are left alone.
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
