//! `config trust`: what a found file sets, and the record that it may.

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

/// Of `config trust`.
#[derive(Serialize, JsonSchema)]
pub struct Trusted {
    file: String,
    trusted: bool,
    /// What the file sets, in the order of its lines.
    settings: Vec<FoundSetting>,
}

#[derive(Serialize, JsonSchema)]
struct FoundSetting {
    key: String,
    /// In TOML.
    value: String,
    /// The line.
    origin: String,
}

/// Of `config untrust`.
#[derive(Serialize, JsonSchema)]
pub struct Untrusted {
    file: String,
    was_trusted: bool,
}

pub fn run(context: &Context, args: &TrustArgs) -> Result<Outcome, CommandError> {
    with_process_env(context, |process| {
        let path = file(process, args.file.as_deref())?;
        let candidate = Candidate::read(&path, process)?;
        // What trust does not help against is refused before it is asked for.
        candidate.check()?;
        let store = Store::of(process)?;
        let name = candidate.contents.place.display().to_string();
        let standing = candidate.standing(&store)?;
        let result = |trusted: bool| {
            let settings = candidate.given().into_iter().map(FoundSetting::new).collect();
            Trusted { file: name.clone(), trusted, settings }
        };
        if standing == Standing::Trusted {
            return Ok(Outcome::done(result(true), format!("{name} is trusted already")));
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
                format!("only a file called {FOUND_NAME} is found; name this one with --config");
            context.ui.emit(Event::Warning(text));
        }
        let text = format!("{name} is trusted until it, or a file that it names, changes");
        Ok(Outcome::done(result(true), text))
    })
}

pub fn take_back(context: &Context, args: &UntrustArgs) -> Result<Outcome, CommandError> {
    with_process_env(context, |process| {
        let path = file(process, args.file.as_deref())?;
        // A file that was deleted has a record, too.
        let place = path.parent().and_then(|folder| folder.canonicalize().ok());
        let place = match (place, path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path,
        };
        let was_trusted = Store::of(process)?.remove(&place)?;
        let name = place.display();
        let text = match was_trusted {
            true => format!("{name} is not trusted any more"),
            false => format!("{name} was not trusted"),
        };
        Ok(Outcome::done(Untrusted { file: name.to_string(), was_trusted }, text))
    })
}

/// Trusts a file that the user has just written. A file that cannot be recorded is only told of.
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

/// What a found file sets, as comments of `config show`, while nothing of it is in force.
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
            let text = format!("no {FOUND_NAME} lies here or in a folder above");
            CommandError::new(FailureKind::Configuration, text)
                .hint("name it: bcops config trust FILE")
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
            // A password may stand in the URL of a setting that needs none.
            false => super::shown(given.value.to_string()),
        };
        FoundSetting { key, value, origin: given.origin.to_string() }
    }
}
