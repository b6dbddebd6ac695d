//! `config trust`: shows what a found file sets, and records that the user trusts it.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::{TrustArgs, UntrustArgs};
use crate::commands::{Context, Outcome, confirm};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::settings::trust::{Candidate, Standing, Store};
use crate::settings::{FOUND_NAME, ProcessEnv, RawValue, Sourced, keys, nearest_file};
use crate::words::shell_word;

/// The result of `config trust`.
#[derive(Serialize, JsonSchema)]
pub struct Trusted {
    file: String,
    trusted: bool,
    /// The file's settings, in the order of its lines.
    settings: Vec<FoundSetting>,
}

#[derive(Serialize, JsonSchema)]
struct FoundSetting {
    key: String,
    /// In TOML.
    value: String,
    /// The file and the line.
    origin: String,
}

/// The result of `config untrust`.
#[derive(Serialize, JsonSchema)]
pub struct Untrusted {
    file: String,
    was_trusted: bool,
}

pub fn run(context: &Context, args: &TrustArgs) -> Result<Outcome, CommandError> {
    with_process_env(context, |process| {
        let path = file(process, args.file.as_deref())?;
        let candidate = Candidate::read(&path, process)?;
        // A problem that trust cannot solve is refused before the question.
        candidate.check()?;
        let store = Store::of(process)?;
        let name = candidate.contents.place.display().to_string();
        let standing = candidate.standing(&store)?;
        let result = |trusted: bool| {
            let settings = candidate.given().into_iter().map(FoundSetting::new).collect();
            Trusted { file: name.clone(), trusted, settings }
        };
        if standing == Standing::Trusted {
            return Ok(Outcome::done(result(true), format!("{name} is already trusted")));
        }
        context.ui.question(&described(&candidate, standing));
        if args.dry_run {
            return Ok(Outcome::done(result(false), "dry run: nothing was changed"));
        }
        if !args.yes {
            let command = format!("bcops config trust {} --yes", shell_word(&name));
            confirm::yes_alone(context, &format!("Trust {name} as it is?"), &command)?;
        }
        candidate.trust(&store)?;
        if path.file_name().is_none_or(|name| name != FOUND_NAME) {
            let text =
                format!("bcops finds only files called {FOUND_NAME}; name this one with --config");
            context.ui.emit(Event::Warning(text));
        }
        let text = format!("{name} is trusted until it, or a file that it names, changes");
        Ok(Outcome::done(result(true), text))
    })
}

pub fn take_back(context: &Context, args: &UntrustArgs) -> Result<Outcome, CommandError> {
    with_process_env(context, |process| {
        let path = file(process, args.file.as_deref())?;
        // A deleted file still has a record.
        let place = path.parent().and_then(|folder| folder.canonicalize().ok());
        let place = match (place, path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path,
        };
        let was_trusted = Store::of(process)?.remove(&place)?;
        let name = place.display();
        let text = match was_trusted {
            true => format!("{name} is no longer trusted"),
            false => format!("{name} was not trusted"),
        };
        Ok(Outcome::done(Untrusted { file: name.to_string(), was_trusted }, text))
    })
}

/// Trusts a file that the user has just written. If the record fails, it warns.
pub fn record(context: &Context, path: &Path) -> bool {
    let recorded = with_process_env(context, |process| {
        let path = process.working_directory.join(path);
        let candidate = Candidate::read(&path, process)?;
        candidate.check()?;
        Ok::<_, CommandError>(candidate.trust(&Store::of(process)?)?)
    });
    if let Err(error) = &recorded {
        let path = shell_word(&path.display().to_string());
        let text = format!("cannot trust {path}: {error}; name it with --config {path}");
        context.ui.emit(Event::Warning(text));
    }
    recorded.is_ok()
}

/// A found file's settings as comments of `config show`, while they are not in force.
pub fn lines_of_found_file(context: &Context) -> Vec<String> {
    with_process_env(context, |process| {
        let found = nearest_file(process.working_directory);
        let candidate = found.and_then(|path| Candidate::read(&path, process).ok());
        candidate.iter().flat_map(lines).map(|line| format!("# not in force: {line}")).collect()
    })
}

fn with_process_env<T>(context: &Context, work: impl FnOnce(&ProcessEnv<'_>) -> T) -> T {
    work(&ProcessEnv {
        variable: &|name| context.variable(name),
        working_directory: &std::env::current_dir().unwrap_or_default(),
        home: context.home.as_deref(),
        config_file: None,
    })
}

fn file(process: &ProcessEnv<'_>, given: Option<&Path>) -> Result<PathBuf, CommandError> {
    match given {
        Some(path) => Ok(process.working_directory.join(path)),
        None => nearest_file(process.working_directory).ok_or_else(|| {
            let text = format!("there is no {FOUND_NAME} here or in a folder above");
            CommandError::new(FailureKind::Configuration, text)
                .hint("name the file: bcops config trust FILE")
        }),
    }
}

fn described(candidate: &Candidate, standing: Standing) -> String {
    let name = candidate.contents.place.display();
    let begins = match standing {
        Standing::Changed => format!("{name}, or a file that it names, has changed. It sets:"),
        Standing::Trusted | Standing::Unknown => format!("{name} sets:"),
    };
    let mut text = vec![begins];
    text.extend(lines(candidate).into_iter().map(|line| format!("  {line}")));
    for file in &candidate.files {
        let bytes = file.bytes.as_ref().map_or_else(
            || "it cannot be read".to_owned(),
            |bytes| crate::words::plural(bytes.len() as u64, "byte"),
        );
        text.push(format!("It names {} ({}, {bytes}).", file.path.display(), file.key));
    }
    text.join("\n")
}

fn lines(candidate: &Candidate) -> Vec<String> {
    let settings = candidate.given().into_iter().map(FoundSetting::new);
    let line = |FoundSetting { key, value, origin }: FoundSetting| {
        format!("{:<70} # {origin}", format!("{key} = {value}"))
    };
    settings.map(line).collect()
}

impl FoundSetting {
    fn new((key, given): (String, &Sourced<RawValue>)) -> Self {
        let parts: Vec<&str> = key.split('.').collect();
        let value = match keys::find(&parts).is_none_or(|key| key.secret) {
            true => "\"[secret]\"".to_owned(),
            // The URL of a setting can hold a password.
            false => super::shown(given.value.to_string()),
        };
        FoundSetting { key, value, origin: given.origin.to_string() }
    }
}
