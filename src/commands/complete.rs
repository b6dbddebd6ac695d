//! Finds what completion offers from the configuration and the journals.
//!
//! It answers while a person types, so it asks no server: the backups are those that `backups list`
//! showed last.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::complete::{self, BackupName, RunName, Values};
use crate::deployment::known_backups;
use crate::runbook::{RunSummary, Runs};
use crate::settings::keys::built_in_values;
use crate::settings::{Settings, SettingsError};

/// Each run is a journal to read, and people seldom name older ones.
const MOST_RUNS: usize = 20;

/// The answer for the shell. It is empty where nothing fits; with a broken configuration no run is
/// offered, because the state folder is unknown.
pub fn answer(
    shell: &str,
    arguments: &[OsString],
    settings: &Result<Settings, SettingsError>,
) -> Vec<u8> {
    let (environments, state): (Vec<String>, _) = match settings {
        Ok(settings) => (
            settings.environments.keys().cloned().collect(),
            // Another user may have written what is in this folder.
            settings.check_state_folder().ok().map(|()| settings.state_directory.value.clone()),
        ),
        Err(error) => (error.known_environments(), None),
    };
    let protected = protected(settings, &environments);
    let (names, folder) = (environments.clone(), state.clone());
    let backups = move |environment: Option<&str>| {
        let asked = names.iter().filter(|name| environment.is_none_or(|one| one == *name));
        folder
            .iter()
            .flat_map(|state| asked.clone().flat_map(|one| backups_of(state, one)))
            .collect()
    };
    let runs = move || runs_in(state.as_ref());
    let (backups, runs) = (Arc::new(backups), Arc::new(runs));
    let values = Values { environments, protected, backups, runs };
    // A message would land in the middle of the line that is being typed.
    complete::answer(shell, arguments, values).unwrap_or_default()
}

/// The environments that bcops never writes to. With a broken configuration these are all that are
/// not known to be unprotected.
fn protected(
    settings: &Result<Settings, SettingsError>,
    environments: &[String],
) -> BTreeSet<String> {
    let built_in = built_in_values();
    let is_protected = |name: &&String| match settings {
        Ok(settings) => settings.environments.get(*name).is_none_or(|one| one.protected),
        Err(_) => {
            built_in.get(&format!("environments.{name}.protected")).is_none_or(|one| one != "false")
        }
    };
    environments.iter().filter(is_protected).cloned().collect()
}

fn backups_of(state: &Path, environment: &str) -> Vec<BackupName> {
    let about = |finished: Option<jiff::Timestamp>| match finished {
        Some(at) => format!("{environment}, {}", at.strftime("%Y-%m-%d %H:%M UTC")),
        None => environment.to_owned(),
    };
    let known = known_backups::recall(state, environment).into_iter();
    known.map(|one| BackupName { name: one.name, about: about(one.finished_at) }).collect()
}

/// The newest first.
fn runs_in(state: Option<&PathBuf>) -> Vec<RunName> {
    let Some(state) = state.map(PathBuf::as_path).filter(|state: &&Path| state.is_dir()) else {
        return Vec::new();
    };
    let runs = Runs::in_state_folder(state);
    let mut names = runs.names().unwrap_or_default();
    names.truncate(MOST_RUNS);
    names.into_iter().map(|id| run_name(&runs.summary(id))).collect()
}

fn run_name(one: &RunSummary) -> RunName {
    RunName {
        name: one.id.as_str().to_owned(),
        about: format!("{}, {} of {}", one.state.name(), one.command, one.target),
        can_be_resumed: one.state.can_be_resumed(),
    }
}
