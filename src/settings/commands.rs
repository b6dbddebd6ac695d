//! The commands that bcops runs on a one-off dyno.

use std::time::Duration;

use super::layers::{Layers, RawValue, Sourced};

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
    pub(super) fn read(layers: &Layers, silence: Duration) -> Commands {
        let command = |name: &'static str, default: &str| match layers.get(&["commands", name]) {
            Some(Sourced { value: RawValue::Text(text), .. }) => text.trim().to_owned(),
            _ => default.to_owned(),
        };
        Commands {
            migrate: command("migrate", "python manage.py migrate --noinput"),
            migrate_check: command("migrate_check", "python manage.py migrate --check"),
            makemigrations_check: command(
                "makemigrations_check",
                "python manage.py makemigrations --check",
            ),
            // An empty setting would start nothing.
            shell: Some(command("shell", "bash"))
                .filter(|line| !line.is_empty())
                .unwrap_or_else(|| "bash".to_owned()),
            silence,
        }
    }
}
